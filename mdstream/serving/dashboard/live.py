"""What happens now, from the WebSocket server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from mdstream.serving.dashboard.problems import explain_live
from mdstream.telemetry.refused_records import RefusedRecords

logger = logging.getLogger(__name__)
_FIRST_PAUSE_SECONDS = 0.25
_LONGEST_PAUSE_SECONDS = 5.0
_MOST_BYTES = 1024 * 1024

Subscription = Mapping[str, list[str]]
"""Symbols, channels and windows."""


class Live:
    """One connection to the WebSocket server, made again whenever it is lost.

    Args:
        url: Where the server is.
        key: The dashboard's key; empty where none is asked for.
        take: Called with the channel, what should be a record and whether it was there before, for every frame with
            data.
        wanted: Returns what is to be subscribed to; asked at every new connection.

    Attributes:
        url: Where the server is.
        problem: Why there is no connection, for whoever looks at the dashboard; None while there is one.
        is_without_kafka: Whether the server says that Kafka does not answer.
        connections: How many connections were made so far.
    """

    def __init__(
        self,
        url: str,
        key: str,
        take: Callable[[str, object, bool], None],
        wanted: Callable[[], Iterable[Subscription]],
    ) -> None:
        self.url = url
        self.problem: str | None = f"Connecting to the WebSocket server at {url}."
        self._is_welcome = False
        self.is_without_kafka = False
        self.connections = 0
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._take = take
        self._wanted = wanted
        self._connection: ClientConnection | None = None
        self._refused = RefusedRecords(logger)

    async def run(self) -> None:
        """Read until cancelled."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            self._is_welcome = False
            try:
                async with connect(
                    self.url, additional_headers=self._headers, max_size=_MOST_BYTES, proxy=None
                ) as connection:
                    await self._read(connection)
                self.problem = explain_live(self.url, None)
            except (OSError, InvalidHandshake, ConnectionClosed) as exc:
                self.problem = explain_live(self.url, exc)
            finally:
                self._connection = None
            pause = _FIRST_PAUSE_SECONDS if self._is_welcome else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            logger.info("%s Trying again in %g s.", self.problem, pause)
            await asyncio.sleep(pause)

    async def subscribe(self, subscription: Subscription) -> None:
        """Ask for more, if there is a connection; a later one asks for everything that is wanted."""
        await self._send("subscribe", subscription)

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Ask for less."""
        await self._send("unsubscribe", subscription)

    async def _read(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.is_without_kafka = False
        self.connections += 1
        for subscription in self._wanted():
            await self.subscribe(subscription)
        async for text in connection:
            message = _parsed(text)
            if message is None:
                self._refused.note("it is not a message of mdstream's WebSocket server", self.url)
            else:
                self._understand(message["type"], message)

    def _understand(self, kind: str, message: dict[str, Any]) -> None:
        if kind == "error":
            logger.warning("the WebSocket server refuses a message: %s", message.get("message"))
            return
        self._is_welcome = True
        self.problem = None
        if kind == "status":
            self.is_without_kafka = message.get("kafka") == "down"
        if "data" in message:
            self._take(kind, message["data"], bool(message.get("snapshot")))

    async def _send(self, kind: str, subscription: Subscription) -> None:
        if self._connection is None:
            return
        try:
            await self._connection.send(orjson.dumps({"type": kind, **subscription}).decode())
        except ConnectionClosed:
            logger.debug("the connection was lost; the next one asks for everything")


def _parsed(text: str | bytes) -> dict[str, Any] | None:
    """Return a message of the server; None if it is none."""
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return message if isinstance(message, dict) and isinstance(message.get("type"), str) else None
