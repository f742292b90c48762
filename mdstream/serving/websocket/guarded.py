"""Connections that count all that a client sends: what it asks first, and every frame, control frames too."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode
from websockets.protocol import Event

from mdstream.config.serving import WebSocketSettings
from mdstream.serving.rate_limit import RateLimiter
from mdstream.serving.websocket.counters import Counters, Refusal
from mdstream.serving.websocket.half_open import HalfOpenConnections

# The library reads all frames of what it is given at once; of so few bytes there are at most 700.
_SLICE_BYTES = 4_096
_MOST_HEAD_BYTES = 16_384
# A message may come in parts, and clients ask whether we are there and answer when we ask.
_FRAMES_A_MESSAGE = 4


@dataclass(frozen=True)
class Guard:
    """What connections are held against.

    Attributes:
        half_open: Where those belong that have not asked yet.
        settings: The limits.
        counters: What is counted.
    """

    half_open: HalfOpenConnections
    settings: WebSocketSettings
    counters: Counters

    def frame_limiter(self) -> RateLimiter:
        """Return the bucket of the frames of one client."""
        limits = self.settings
        return RateLimiter(_FRAMES_A_MESSAGE * limits.messages_per_second, _FRAMES_A_MESSAGE * limits.message_burst)


class GuardedConnection(ServerConnection):
    """A connection that is half open until its request has come, and ends when too much comes.

    Attributes:
        guard: What it is held against.
        key_name: Whose key its request showed; None without a key.
    """

    guard: Guard
    key_name: str | None = None
    _head_bytes = 0
    _is_refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Belong to those that are half open."""
        super().connection_made(transport)
        self._frames = self.guard.frame_limiter()
        self.guard.half_open.begin(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Belong to none."""
        self.guard.half_open.lose(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, little by little, until it is too much."""
        for start in range(0, len(data), _SLICE_BYTES):
            if self._is_refused:
                return
            part = data[start : start + _SLICE_BYTES]
            if self.request is None and not self._has_short_head(part):
                return
            super().data_received(part)

    def process_event(self, event: Event) -> None:
        """Take a frame, unless there were too many."""
        if self._is_refused:
            return
        if self.request is not None and self._frames.wait("", time.monotonic()) > 0:
            self._refuse_frames()
        else:
            super().process_event(event)

    def _has_short_head(self, part: bytes) -> bool:
        self._head_bytes += len(part)
        if self._head_bytes <= _MOST_HEAD_BYTES:
            return True
        self._is_refused = True
        self.guard.counters.refuse(Refusal.HEAD)
        self.transport.abort()
        return False

    def _refuse_frames(self) -> None:
        self._is_refused = True
        self.guard.counters.refuse(Refusal.MESSAGE_RATE)
        self.protocol.fail(CloseCode.POLICY_VIOLATION, "too many frames")
        self.send_data()
        # Not read any more: who floods reads no goodbye either, and waiting for it would keep its place.
        self.transport.close()


def guarded_by(own: Guard) -> type[GuardedConnection]:
    """Return the class of connections that are held against `own`: the library makes them by their class."""

    class Connection(GuardedConnection):
        guard = own

    return Connection
