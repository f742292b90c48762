"""The database as a server reads it for many: pooled, read-only, and never waited for without end."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import anyio
import anyio.to_thread
import psycopg2.errors
import sqlalchemy as sa

from mdstream.config import TimescaleSettings
from mdstream.errors import StoreError
from mdstream.schemas import Record
from mdstream.stores.timescaledb.database_url import database_url
from mdstream.stores.timescaledb.series import missing_tables

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5
"""Longest wait for a connection to open."""

STATEMENT_SECONDS = 5
"""Longest time the server may spend on one query."""

SCAN_SECONDS = 60
"""The same for a query over everything that is stored."""

_QUEUE_SECONDS = 2
_PROBE_SECONDS = 2
_GRACE_SECONDS = 1

T = TypeVar("T")

Connection = sa.Connection


class ReadingError(StoreError):
    """The database cannot answer now.

    Attributes:
        code: Stable name of the reason: `database_busy`, `database_too_slow`, `tables_missing`, `database_unavailable`
            or `database_refused`.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Database:
    """Runs queries in threads, at most as many at once as there are connections."""

    def __init__(self, settings: TimescaleSettings, connections: int, records: Sequence[Record]) -> None:
        url = database_url(settings)
        self._address = f"{settings.host}:{settings.port}/{settings.database}"
        self._pool = _engine(url, STATEMENT_SECONDS, sa.QueuePool, pool_size=connections, max_overflow=0)
        self._single = _engine(url, SCAN_SECONDS, sa.NullPool)
        self._calls: set[_Call[Any]] = set()
        self._connections = connections
        self._records = records
        self._free = asyncio.Semaphore(connections)
        self._probe: asyncio.Task[str | None] | None = None
        self._failing = False

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Return what `work` makes of a connection.

        Raises:
            ReadingError: The database cannot answer now.
        """
        try:
            async with asyncio.timeout(_QUEUE_SECONDS):
                await self._free.acquire()
        except TimeoutError as exc:
            message = f"all {self._connections} connections to the database are busy; try again later"
            raise ReadingError("database_busy", message) from exc
        try:
            return await self._answer(_Call(self._pool, work), STATEMENT_SECONDS)
        finally:
            self._free.release()

    async def scan(self, work: Callable[[sa.Connection], T]) -> T:
        """Return what `work` makes of a connection of its own, on which a query may take a minute.

        Raises:
            ReadingError: The database cannot answer now.
        """
        return await self._answer(_Call(self._single, work), SCAN_SECONDS)

    async def _answer(self, call: _Call[T], seconds: float) -> T:
        deadline = asyncio.get_running_loop().call_later(seconds + _GRACE_SECONDS, call.break_off)
        self._calls.add(call)
        try:
            answer = await anyio.to_thread.run_sync(call.execute, limiter=anyio.CapacityLimiter(1))
        except sa.exc.DBAPIError as exc:
            self._note(_reason(exc))
            raise _explain(exc, seconds) from exc
        else:
            self._note(None)
            return answer
        finally:
            self._calls.discard(call)
            deadline.cancel()

    def _note(self, failure: str | None) -> None:
        """Log when queries begin to fail and when they no longer do, not every one of thousands."""
        if failure and not self._failing:
            logger.warning("a query failed, %s: %s", self._address, failure)
        elif self._failing and not failure:
            logger.warning("queries succeed again, %s", self._address)
        self._failing = bool(failure)

    async def problem(self) -> str | None:
        """Return why the database cannot be used now, None if it can; asks it over a new connection."""
        # Kept by whoever waits: meanwhile others may ask anew.
        probe = self._probe
        if probe is None or probe.done():
            probe = self._probe = asyncio.create_task(self._find_problem())
        done, _ = await asyncio.wait({probe}, timeout=_PROBE_SECONDS)
        return probe.result() if done else f"no answer from {self._address} within {_PROBE_SECONDS} s"

    async def _find_problem(self) -> str | None:
        try:
            missing = await self._answer(_Call(self._single, self._missing_tables), _PROBE_SECONDS)
        except ReadingError as exc:
            return _reason(exc.__cause__) or f"{self._address} closed the connection"
        if missing:
            return f"{self._address} has no table {', '.join(missing)}; create them with: mdstream maintain"
        return None

    def _missing_tables(self, connection: sa.Connection) -> Sequence[str]:
        return missing_tables(connection, self._records)

    async def close(self) -> None:
        """Close the connections; queries that still run are broken off."""
        for call in self._calls:
            call.break_off()
        if self._probe is not None:
            await self._probe
        self._pool.dispose()


def _engine(url: sa.URL, seconds: int, pool: type[sa.Pool], **options: int) -> sa.Engine:
    return sa.create_engine(
        url,
        poolclass=pool,
        # One round trip a query, instead of three with BEGIN and ROLLBACK.
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        connect_args={
            "application_name": "mdstream api",
            "connect_timeout": CONNECT_SECONDS,
            "options": f"-c statement_timeout={seconds}s -c timezone=UTC -c default_transaction_read_only=on",
        },
        **options,
    )


class _Call(Generic[T]):
    """Work on a connection in a thread; it can be broken off if the server does not answer."""

    def __init__(self, engine: sa.Engine, work: Callable[[sa.Connection], T]) -> None:
        self._engine = engine
        self._work = work
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._broken_off = False

    def execute(self) -> T:
        try:
            return self._execute_once()
        except sa.exc.DBAPIError as exc:
            # A connection of the pool that the server cut meanwhile; the pool has dropped it and its like.
            if exc.connection_invalidated and not self._broken_off:
                return self._execute_once()
            raise

    def _execute_once(self) -> T:
        with self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            self._watch(driver.fileno())
            try:
                return self._work(connection)
            finally:
                self._watch(None)

    def _watch(self, descriptor: int | None) -> None:
        with self._lock:
            self._descriptor = descriptor
            self._shut_if_broken_off()

    def break_off(self) -> None:
        """End the connection under the waiting thread, which then fails as if the server had gone."""
        with self._lock:
            self._broken_off = True
            self._shut_if_broken_off()

    def _shut_if_broken_off(self) -> None:
        if self._broken_off and self._descriptor is not None:
            with socket.socket(fileno=socket.dup(self._descriptor)) as waited_for:
                waited_for.shutdown(socket.SHUT_RDWR)


def _reason(error: BaseException | None) -> str:
    return " ".join(str(getattr(error, "orig", error)).split())


def _explain(error: sa.exc.DBAPIError, seconds: float) -> ReadingError:
    if isinstance(error.orig, psycopg2.errors.QueryCanceled):
        message = f"the database took more than {seconds:g} s to answer; try again later"
        return ReadingError("database_too_slow", message)
    if isinstance(error.orig, psycopg2.errors.UndefinedTable | psycopg2.errors.UndefinedColumn):
        message = "the database lacks tables or columns of the configuration; create them with: mdstream maintain"
        return ReadingError("tables_missing", message)
    if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
        return ReadingError("database_unavailable", "the database cannot be reached; try again later")
    return ReadingError("database_refused", "the database refused the query; the API's log says why")
