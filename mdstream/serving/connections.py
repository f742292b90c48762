"""Connections of clients that send slowly, nothing or too much, and too many of them: what uvicorn leaves open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from mdstream.serving.metrics import CONNECTIONS, REFUSED

_MOST_HEAD_BYTES = 16_384
# A head may come in one piece, however long: read in slices it is counted all the same.
_SLICE_BYTES = 1_024
_SLOW_READER_SECONDS = 60
_ANSWER_SECONDS = 120
_LOOK_SECONDS = 1.0
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class ConnectionLimits:
    """What clients may do with connections.

    Attributes:
        server: What the server is called in metrics.
        connections: Most that are open at a time.
        request_seconds: Longest that a client may take to send a request, up to the end of its headers.
    """

    server: str
    connections: int = 1000
    request_seconds: float = 10


class Connections:
    """The open connections of one server.

    A connection waits for a request, or has one that is being answered. Nobody can take all places for long: those
    that wait too long are closed, and where all are taken, the one that has waited longest is closed for a new one.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        # Both in the order of their times.
        self._waiting: dict[GuardedProtocol, float] = {}
        self._busy: dict[GuardedProtocol, float] = {}
        self._watch: asyncio.TimerHandle | None = None
        self._gauge = CONNECTIONS.labels(limits.server)

    def protocol(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> GuardedProtocol:
        """Return what handles a new connection, as uvicorn wants it."""
        return GuardedProtocol(self, config, server_state, app_state, _loop)

    def admit(self, connection: GuardedProtocol) -> bool:
        """Return whether there is a place for a new connection; if need be, the one that waited longest is closed."""
        if len(self) >= self.limits.connections:
            longest = next(iter(self._waiting), None)
            if longest is None:
                self.count("full")
                return False
            self.count("crowded")
            self._close(longest)
        self.waits(connection)
        self._gauge.set(len(self))
        if self._watch is None:
            self._watch = connection.loop.call_later(_LOOK_SECONDS, self._look, connection.loop)
        return True

    def waits(self, connection: GuardedProtocol) -> None:
        """Note that a connection waits for a request from now on."""
        self._busy.pop(connection, None)
        self._waiting[connection] = time.monotonic()

    def answers(self, connection: GuardedProtocol) -> None:
        """Note that a request of a connection is being answered from now on."""
        self._waiting.pop(connection, None)
        self._busy.pop(connection, None)
        self._busy[connection] = time.monotonic()

    def forget(self, connection: GuardedProtocol) -> None:
        """Note that a connection is no more."""
        self._waiting.pop(connection, None)
        self._busy.pop(connection, None)
        self._gauge.set(len(self))

    def count(self, reason: str) -> None:
        """Count a refusal."""
        REFUSED.labels(self.limits.server, reason).inc()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy)

    def _close(self, connection: GuardedProtocol) -> None:
        self.forget(connection)
        # Not close(), which waits until the client has read what is left.
        connection.transport.abort()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        for connection, reason in list(self._overdue(time.monotonic())):
            self.count(reason)
            self._close(connection)
        self._watch = loop.call_later(_LOOK_SECONDS, self._look, loop) if len(self) else None

    def _overdue(self, now: float) -> Iterator[tuple[GuardedProtocol, str]]:
        for connection, since in self._waiting.items():
            if now - since < self.limits.request_seconds:
                break
            if not connection.transport.get_write_buffer_size():
                yield connection, "slow_request"
            elif now - since > _SLOW_READER_SECONDS:
                yield connection, "slow_reader"
        for connection, since in self._busy.items():
            if now - since < _ANSWER_SECONDS:
                break
            yield connection, "slow_reader"


class GuardedProtocol(HttpToolsProtocol):
    """Handles one connection within the limits of all."""

    def __init__(
        self,
        guard: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._guard = guard
        self._head_bytes: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place, or leave."""
        super().connection_made(transport)
        if not self._guard.admit(self):
            transport.write(_FULL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        super().connection_lost(exc)
        self._guard.forget(self)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head of a request does not end."""
        for start in range(0, len(data), _SLICE_BYTES):
            if self.transport.is_closing():
                return
            self._read(data[start : start + _SLICE_BYTES])

    def _read(self, part: bytes) -> None:
        super().data_received(part)
        if self._head_bytes is None:
            return
        self._head_bytes += len(part)
        if self._head_bytes > _MOST_HEAD_BYTES and not self.transport.is_closing():
            self._guard.count("head")
            self.transport.write(_TOO_LONG)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin to read a head."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is read: somebody answers now."""
        self._head_bytes = None
        self._guard.answers(self)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """It is answered; the next request may be there already."""
        has_next = bool(self.pipeline)
        super().on_response_complete()
        if not self.transport.is_closing():
            (self._guard.answers if has_next else self._guard.waits)(self)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._guard.count("not_http")
        super().send_400_response(msg)
