"""Connections to PostgreSQL, and what its errors mean."""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, cast

import psycopg2
import sqlalchemy as sa
from psycopg2 import errorcodes
from sqlalchemy.engine.interfaces import DBAPIConnection

from mdstream.clients import PerProcess
from mdstream.config import TimescaleSettings
from mdstream.errors import StoreError, StoreUnavailableError
from mdstream.stores.timescaledb.database_url import database_url

_CONNECT_SECONDS = 10

_SCHEMA_STATES = {
    errorcodes.UNDEFINED_TABLE,
    errorcodes.UNDEFINED_COLUMN,
    errorcodes.DATATYPE_MISMATCH,
    errorcodes.INVALID_COLUMN_REFERENCE,  # no unique index fits ON CONFLICT
}

_PASSING = (psycopg2.OperationalError, psycopg2.InterfaceError, sa.exc.TimeoutError, TimeoutError)
"""What has nothing to do with the batch: lost connections, locks, a server that starts, stops or is full."""


def engine_of(settings: TimescaleSettings) -> sa.Engine:
    """Return this process's engine for the database; nothing is opened before it is used."""
    return _ENGINES.get(settings)


def _open_engine(settings: TimescaleSettings) -> sa.Engine:
    url = database_url(settings)
    timeout = settings.timeout_seconds
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        pool_timeout=timeout,
        connect_args={
            "application_name": "mdstream",
            "client_encoding": "utf8",
            "connect_timeout": max(2, min(timeout, _CONNECT_SECONDS)),  # libpq takes no less than two
            "tcp_user_timeout": timeout * 1000,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        },
    )
    sa.event.listen(engine, "checkout", _refuse_lost)
    return engine


_ENGINES: PerProcess[TimescaleSettings, sa.Engine] = PerProcess(_open_engine)


def _refuse_lost(connection: DBAPIConnection, _record: object, _proxy: object) -> None:
    """Make the pool open another connection when the server closed this one while it was idle.

    An idle server says nothing: what there is to read is its farewell. Asking it would wait for a stopped server.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    if poll.poll(0):
        raise sa.exc.DisconnectionError("the server closed the connection")


def driver_connection(connection: sa.Connection) -> psycopg2.extensions.connection:
    """Return psycopg2's own connection, for what SQLAlchemy has no words for."""
    return cast("psycopg2.extensions.connection", connection.connection.driver_connection)


@contextmanager
def time_limit(connection: sa.Connection, seconds: float) -> Iterator[None]:
    """Cut the connection if the block takes longer: libpq itself waits for ever for a server that only hangs.

    Raises:
        TimeoutError: The connection was cut.
    """
    late = threading.Event()
    own = socket.socket(fileno=os.dup(driver_connection(connection).fileno()))

    def cut() -> None:
        late.set()
        with suppress(OSError):  # the block ended at this very moment
            own.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as exc:
        if late.is_set():
            raise TimeoutError(f"not done within timeout_seconds = {seconds:g}") from exc
        raise
    finally:
        timer.cancel()
        own.close()


def query_rows(settings: TimescaleSettings, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    """Return what a query of the database gives.

    Raises:
        StoreUnavailableError: The database cannot be reached.
        StoreError: It lacks a table, or refuses the query.
    """
    with (
        translated(settings),
        engine_of(settings).connect() as connection,
        time_limit(connection, settings.timeout_seconds),
    ):
        return connection.execute(query).all()


@contextmanager
def translated(settings: TimescaleSettings) -> Iterator[None]:
    """Raise the errors of psycopg2 and SQLAlchemy as StoreUnavailableError or StoreError."""
    try:
        yield
    except sa.exc.DBAPIError as exc:
        raise _explained(settings, exc.orig if isinstance(exc.orig, psycopg2.Error) else exc) from exc
    except (psycopg2.Error, sa.exc.TimeoutError, TimeoutError) as exc:
        raise _explained(settings, exc) from exc


def _explained(settings: TimescaleSettings, error: Exception) -> StoreError:
    where = f"PostgreSQL at {settings.host}:{settings.port}, database '{settings.database}'"
    message = _message(error)
    state = error.pgcode if isinstance(error, psycopg2.Error) else None
    if state in _SCHEMA_STATES or _no_partition(error):
        return StoreError(f"{where} has no table that fits: {message}; run `mdstream maintain`")
    if isinstance(error, psycopg2.errors.DiskFull):
        return StoreUnavailableError(
            f"{where} has a full disk: {message}; free some on the server's machine, or keep less: "
            "stores.timescaledb.retention_days, then `mdstream maintain`"
        )
    passing = isinstance(error, _PASSING)
    if passing or state == errorcodes.READ_ONLY_SQL_TRANSACTION:  # a replica, until it is promoted
        return StoreUnavailableError(
            f"{where} cannot be used now: {message}; check stores.timescaledb, `mdstream doctor` says more"
        )
    return StoreError(f"{where} refused: {message}")


def _no_partition(error: Exception) -> bool:
    """Return whether no partition takes a row: PostgreSQL reports it as the violation of no constraint."""
    return isinstance(error, psycopg2.errors.CheckViolation) and not error.diag.constraint_name


def _message(error: Exception) -> str:
    """Return what the server said, in one line and without the statement; else what the driver said."""
    if isinstance(error, psycopg2.Error) and error.diag.message_primary:
        return ": ".join(filter(None, (error.diag.message_primary, error.diag.message_detail)))
    return " ".join(str(error).split())
