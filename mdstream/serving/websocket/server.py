"""Puts the server together."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from prometheus_client import REGISTRY, CollectorRegistry
from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websockets

from mdstream.config import Settings
from mdstream.kafka.reader import Arrival, TopicReader
from mdstream.serving.access import AccessList
from mdstream.serving.keeping import Keeper
from mdstream.serving.server import allow_connections
from mdstream.serving.websocket.counters import Counters
from mdstream.serving.websocket.guarded import Guard, GuardedConnection, guarded_by
from mdstream.serving.websocket.half_open import HalfOpenConnections
from mdstream.serving.websocket.handshake import Handshake
from mdstream.serving.websocket.hub import Hub
from mdstream.serving.websocket.messages import encode
from mdstream.serving.websocket.session import Session
from mdstream.serving.websocket.streams import text_frame

_CLOSE_SECONDS = 2
_BACKLOG = 1024

logger = logging.getLogger(__name__)


class WebSocketServer:
    """Brings ticks, bars, indicators, anomalies and predictions from Kafka to clients.

    Args:
        settings: Kafka, serving, symbols and windows.
        registry: Where its metrics are registered.
    """

    def __init__(self, settings: Settings, registry: CollectorRegistry = REGISTRY) -> None:
        self._settings = settings
        self._limits = settings.serving.websocket
        self._access = AccessList(settings.serving)
        self._counters = Counters(registry)
        self._hub = Hub(settings, self._counters)
        self._half_open = HalfOpenConnections(self._limits.max_half_open, self._counters)
        self._handshake = Handshake(
            self._access, self._half_open, registry, self._counters, self._not_ready, self._is_full
        )
        self._keeper = Keeper()
        self._connected = 0
        self._problem: str | None = "it has not been asked yet"
        self._has_caught_up = threading.Event()

    async def run(self, listener: socket.socket, stop: asyncio.Event) -> None:
        """Serve on a socket until `stop` is set, then say goodbye to all clients."""
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._limits.send_buffer_bytes)
        loop = asyncio.get_running_loop()
        reader = self._reader(loop)
        reading = asyncio.create_task(self._keeper.keep("reading", lambda: loop.run_in_executor(None, reader.run)))
        rounds = asyncio.create_task(self._keeper.keep("sending", self._hub.run))
        try:
            async with self._listening(listener):
                await stop.wait()
        finally:
            reader.stop()
            await reading
            reader.close()
            rounds.cancel()
            with suppress(asyncio.CancelledError):
                await rounds

    def _listening(self, listener: socket.socket) -> Server:
        limits = self._limits
        return serve_websockets(
            self._talk,
            sock=listener,
            backlog=_BACKLOG,
            process_request=self._handshake.answer,
            process_response=self._handshake.note_outcome,
            create_connection=guarded_by(Guard(self._half_open, limits, self._counters)),
            # Frames are made once for all, and compressing each of them for each client costs more than it saves.
            compression=None,
            server_header=None,
            open_timeout=limits.handshake_seconds,
            ping_interval=limits.ping_seconds,
            ping_timeout=limits.ping_seconds,
            close_timeout=_CLOSE_SECONDS,
            max_size=limits.max_message_bytes,
            # What the system does not take at once is held back, and that says who is slow.
            write_limit=0,
            logger=_quiet_logger(),
        )

    async def _talk(self, connection: ServerConnection) -> None:
        name = connection.key_name if isinstance(connection, GuardedConnection) else None
        self._connected += 1
        try:
            session = Session(connection, name, self._hub, self._access, self._limits, self._counters)
            await session.run(self._greeting)
        finally:
            self._connected -= 1

    def _is_full(self) -> bool:
        return self._connected >= self._limits.max_connections

    def _not_ready(self) -> str | None:
        if self._problem is not None:
            return f"Kafka does not answer: {self._problem}"
        if (failure := self._keeper.problem) is not None:
            return failure
        return None if self._has_caught_up.is_set() else "still reading what was in the topics at the start"

    def _greeting(self) -> str | None:
        return None if self._problem is None else _status(self._problem)

    def _reader(self, loop: asyncio.AbstractEventLoop) -> TopicReader:
        """Return a reader that hands over to the event loop, and waits until that has taken a batch."""

        async def take(records: list[Arrival]) -> None:
            self._hub.take(records)

        def deliver(records: list[Arrival]) -> None:
            asyncio.run_coroutine_threadsafe(take(records), loop).result()

        def report(problem: str | None) -> None:
            loop.call_soon_threadsafe(self._note_kafka, problem)

        topics = [channel.topic for channel in self._hub.channels.values()]
        return TopicReader(self._settings.kafka, self._limits, topics, deliver, report, self._has_caught_up)

    def _note_kafka(self, problem: str | None) -> None:
        """Tell clients that Kafka is gone, or back."""
        was_up, is_up = self._problem is None, problem is None
        self._problem = problem
        self._counters.kafka_up.set(is_up)
        if is_up:
            logger.info("Kafka at %s answers", self._settings.kafka.bootstrap_servers)
        else:
            logger.warning("Kafka at %s does not answer: %s", self._settings.kafka.bootstrap_servers, problem)
        if is_up != was_up:
            self._hub.announce(text_frame(_status(problem).encode()))


def _status(problem: str | None) -> str:
    # The reason is for the log: it names machines of ours.
    if problem is None:
        return encode("status", kafka="up", message="records come again from where they stopped")
    return encode("status", kafka="down", message="no records come until Kafka is back; the connection stays")


def _quiet_logger() -> logging.Logger:
    # At the level DEBUG the library writes down every header, and so every key.
    quiet = logging.getLogger(f"{__name__}.connections")
    quiet.setLevel(logging.WARNING)
    return quiet


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then say goodbye to all clients and return.

    Raises:
        ServerError: The system does not allow as many open connections.
    """
    limits = settings.serving.websocket
    allow_connections(limits.max_connections + limits.max_half_open, "serving.websocket.max_connections")
    server = WebSocketServer(settings)

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await server.run(listener, stop)

    # What is there from the start lives as long as the process: unwatched, collecting garbage takes less.
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(run())


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
