"""Readers that look at results all the while, and note what went back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from random import Random
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import redis
import sqlalchemy as sa
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from bench.chaos.violations import Violation
from mdstream.config import Settings
from mdstream.stores.timescaledb.database_url import database_url

_PAUSE_SECONDS = 1.0
_AWAY = (OSError, sa.exc.SQLAlchemyError, redis.RedisError, WebSocketException, URLError, ValueError)
"""What a reader gets while the one that it asks is down."""

Seen = tuple[Hashable, tuple[int, ...]]
"""A thing, and its place among its own revisions."""


class Memory:
    """What one reader has seen.

    Attributes:
        back: What it saw go back.
        looks: How often it was answered.
        has_looked_to_the_end: Nothing unforeseen has ended it.
    """

    def __init__(self, reader: str) -> None:
        self.back: list[Violation] = []
        self.looks = 0
        self.has_looked_to_the_end = False
        self._reader = reader
        self._newest: dict[Hashable, tuple[int, ...]] = {}

    def see(self, key: Hashable, revision: tuple[int, ...]) -> None:
        """Take a revision of a thing.

        Example:
            >>> memory = Memory("database")
            >>> memory.see("bar", (2,))
            >>> memory.see("bar", (1,))
            >>> memory.back
            [Violation(kind='back', what='database: bar went from 2 to 1')]
        """
        before = self._newest.get(key, revision)
        if revision < before:
            text = " to ".join("/".join(map(str, each)) for each in (before, revision))
            self.back.append(Violation("back", f"{self._reader}: {key} went from {text}"))
        self._newest[key] = revision

    def see_all(self, seen: Iterable[Seen]) -> None:
        self.looks += 1
        for key, revision in seen:
            self.see(key, revision)

    def forget_all_but(self, keys: Iterable[Hashable]) -> None:
        """Forget what is not there any more: it may begin anew."""
        there = set(keys)
        self._newest = {key: revision for key, revision in self._newest.items() if key in there}


class Watch:
    """All readers, each in a thread of its own.

    Args:
        settings: Where database and Redis are.
        rest: Address of the REST API.
        websocket: Address of the WebSocket server.
        symbols: Which are asked for.
        windows: Their names.
    """

    def __init__(self, settings: Settings, rest: str, websocket: str, symbols: list[str], windows: list[str]) -> None:
        self._stop = threading.Event()
        self._engine = sa.create_engine(database_url(settings.stores.timescaledb), pool_pre_ping=True)
        self._indicators = str(settings.indicator_record.table)
        cache = settings.stores.redis
        self._redis = redis.Redis(host=cache.host, port=cache.port, socket_timeout=5, decode_responses=True)
        self._rest, self._websocket = rest, websocket
        self._symbols, self._windows = symbols, windows
        self._random = Random(0)
        looks: dict[str, Callable[[Memory], None]] = {
            "database": self._look_at_database,
            "Redis": self._look_at_redis,
            "REST, newest": lambda memory: self._look_at_rest(memory, 1),
            "REST, series": lambda memory: self._look_at_rest(memory, 20),
            "WebSocket": self._listen,
        }
        self.memories = {name: Memory(name) for name in looks}
        self._threads = [
            threading.Thread(target=self._repeat, args=(look, self.memories[name])) for name, look in looks.items()
        ]

    @contextmanager
    def watching(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()
            self._engine.dispose()
            self._redis.close()

    @property
    def back(self) -> list[Violation]:
        return [violation for memory in self.memories.values() for violation in memory.back]

    @property
    def silent(self) -> list[Violation]:
        """Readers that were never answered: what they would have seen is not known."""
        return [
            Violation("wrong", f"{name} has never answered") for name, each in self.memories.items() if not each.looks
        ]

    def _repeat(self, look: Callable[[Memory], None], memory: Memory) -> None:
        while not self._stop.wait(_PAUSE_SECONDS):
            with suppress(*_AWAY):
                look(memory)
        memory.has_looked_to_the_end = True

    def _look_at_database(self, memory: Memory) -> None:
        seen: list[Seen] = []
        with self._engine.connect() as connection:
            for table, own in (("aggregated_data", "''"), (self._indicators, "''"), ("anomalies", "rule")):
                query = f'SELECT symbol, "window", window_start, {own}, trade_count FROM {table}'  # noqa: S608
                seen += [((table, *key), (count,)) for *key, count in connection.execute(sa.text(query))]
        memory.see_all(seen)

    def _look_at_redis(self, memory: Memory) -> None:
        keys = [f"aggregated:{symbol}:{window}" for symbol in self._symbols for window in self._windows]
        found = dict(zip(keys, self._redis.mget(keys), strict=True))
        bars = {key: json.loads(value) for key, value in found.items() if value}
        # A key may expire while nothing comes.
        memory.forget_all_but(bars)
        memory.see_all((key, (bar["window_start"], bar["trade_count"])) for key, bar in bars.items())

    def _look_at_rest(self, memory: Memory, limit: int) -> None:
        symbol, window = self._random.choice(self._symbols), self._random.choice(self._windows)
        with urlopen(f"{self._rest}/api/v1/aggregated/{symbol}?window={window}&limit={limit}", timeout=10) as answer:  # noqa: S310
            bars = json.load(answer)["items"]
        memory.see_all(_of_bar(bar) for bar in bars)

    def _listen(self, memory: Memory) -> None:
        with connect(self._websocket, open_timeout=5, close_timeout=1) as connection:
            connection.send(json.dumps({"type": "subscribe", "symbols": ["*"], "channels": ["bar", "indicator"]}))
            while not self._stop.is_set():
                self._take_message(connection, memory)

    def _take_message(self, connection: ClientConnection, memory: Memory) -> None:
        with suppress(TimeoutError):
            message = json.loads(connection.recv(timeout=_PAUSE_SECONDS))
            if message["type"] in {"bar", "indicator"}:
                memory.see_all([_of_bar(message["data"], message["type"])])


def _of_bar(bar: Mapping[str, Any], kind: str = "bar") -> Seen:
    return (kind, bar["symbol"], bar["window"], bar["window_start"]), (bar["trade_count"],)
