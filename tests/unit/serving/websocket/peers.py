"""A connection without a socket: what is written is read back by the library's own client side."""

from __future__ import annotations

from typing import Any, cast

import orjson
from websockets.asyncio.server import ServerConnection
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.protocol import State
from websockets.uri import parse_uri

from mdstream.serving.websocket.client import Client


class Peer:
    """A connection and its transport in one; `held_back` is what the system does not take."""

    def __init__(self) -> None:
        self.state = State.OPEN
        self.held_back = 0
        self.writes = 0
        self.aborted = False
        self._reader = ClientProtocol(parse_uri("ws://test"), state=State.OPEN)

    @property
    def transport(self) -> Peer:
        return self

    def write(self, data: bytes) -> None:
        self.writes += 1
        self._reader.receive_data(data)

    def get_write_buffer_size(self) -> int:
        return self.held_back

    def abort(self) -> None:
        self.aborted = True

    def received(self) -> list[dict[str, Any]]:
        """Return the messages that came since the last time."""
        frames = [cast("Frame", event) for event in self._reader.events_received()]
        return [orjson.loads(frame.data) for frame in frames]


def client_of(peer: Peer) -> Client:
    return Client(cast("ServerConnection", peer), "desk")
