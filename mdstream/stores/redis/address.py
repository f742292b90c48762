"""The address of Redis for its clients."""

from __future__ import annotations

from typing import TypedDict

from mdstream.config.stores import RedisSettings


class RedisAddress(TypedDict):
    """Where the server is and how to log in, by the names that redis-py's clients and pools give these."""

    host: str
    port: int
    db: int
    password: str | None


def redis_address(settings: RedisSettings) -> RedisAddress:
    """Return what every client of Redis is opened with; it holds the password.

    Example:
        >>> redis_address(RedisSettings(port=6380))
        {'host': '127.0.0.1', 'port': 6380, 'db': 0, 'password': None}
    """
    return RedisAddress(
        host=settings.host,
        port=settings.port,
        db=settings.database,
        password=settings.password.get_secret_value() or None,
    )
