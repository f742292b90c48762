"""Connections to Redis, what its errors mean, and what a server says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from mdstream.config import RedisSettings
from mdstream.errors import StoreError, StoreUnavailableError
from mdstream.stores.redis.address import redis_address


def open_redis(settings: RedisSettings, seconds: float, name: str, *, texts: bool = False) -> redis.Redis:
    """Return a client, which connects when it is first used.

    Args:
        settings: The server.
        seconds: How long it is waited for.
        name: What the server calls the connection.
        texts: Whether answers are texts instead of bytes.
    """
    return redis.Redis(
        **redis_address(settings),
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        # The second attempt opens a connection in place of one that was lost while idle.
        retry=Retry(NoBackoff(), retries=1),
        client_name=name,
        decode_responses=texts,
    )


@contextmanager
def translated(settings: RedisSettings) -> Iterator[None]:
    """Raise the errors of redis-py as StoreUnavailableError or StoreError."""
    where = f"Redis at {settings.host}:{settings.port}, database {settings.database}"
    try:
        yield
    except (redis.AuthenticationError, redis.exceptions.AuthorizationError) as exc:
        raise StoreError(f"{where} refused the log-in: {exc}; check stores.redis") from exc
    except (
        redis.ConnectionError,
        redis.TimeoutError,
        redis.ReadOnlyError,
        redis.OutOfMemoryError,
        redis.exceptions.ClusterDownError,
        redis.exceptions.TryAgainError,
        redis.exceptions.NoScriptError,  # the server was restarted or flushed between two commands
    ) as exc:
        raise StoreUnavailableError(f"{where} cannot be used now: {exc}; check stores.redis") from exc
    except redis.RedisError as exc:
        raise StoreError(f"{where} refused the batch: {exc}") from exc


@dataclass(frozen=True)
class RedisState:
    """What a server says of itself.

    Attributes:
        version: Its release, with the name of what is not Redis.
        keys: How many there are in the database.
        is_replica: Whether it takes no writes.
    """

    version: str
    keys: int
    is_replica: bool


def state_of(settings: RedisSettings, seconds: float) -> RedisState:
    """Ask a server once.

    Raises:
        StoreUnavailableError: It does not answer.
        StoreError: It does not let us in.
    """
    client = redis.Redis(
        **redis_address(settings),
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        with client:
            server, replication = client.info("server"), client.info("replication")
            keys = client.dbsize()
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as exc:
        raise StoreError(str(exc)) from exc
    except redis.RedisError as exc:
        raise StoreUnavailableError(str(exc)) from exc
    valkey = server.get("valkey_version")
    version = f"Valkey {valkey}" if valkey else str(server["redis_version"])
    return RedisState(version, keys, replication["role"] != "master")


def answers(settings: RedisSettings) -> bool:
    """Say whether a server answers now."""
    with redis.Redis(**redis_address(settings), socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
