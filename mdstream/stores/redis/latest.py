"""The newest records as a server reads them for many: pooled, and left alone for a moment when they cannot be read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from mdstream.config import RedisSettings
from mdstream.stores.redis.address import redis_address

logger = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 1.0
_PAUSE_SECONDS = 1.0


class LatestValues:
    """Asks Redis for values; after a failure it leaves Redis alone for a second, so that answers stay fast.

    Each answer is None, or empty, if Redis has none or cannot say.

    Args:
        settings: The server.
        connections: How many at once.

    Attributes:
        is_used: Whether `stores.redis.enabled` says so; Redis is not asked otherwise.
    """

    def __init__(self, settings: RedisSettings, connections: int) -> None:
        pool = BlockingConnectionPool(
            max_connections=connections,
            timeout=_TIMEOUT_SECONDS,
            **redis_address(settings),
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            # Once more for a pooled connection that the server cut meanwhile.
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        )
        self._client = Redis.from_pool(pool)
        self.is_used = settings.enabled
        self._paused_until = 0.0

    async def value(self, key: str) -> bytes | None:
        """Return the value of a key."""
        found: bytes | None = await self._ask(lambda: self._client.get(key))
        return found

    async def field(self, key: str, name: str) -> bytes | None:
        """Return a field of a hash."""
        found: bytes | None = await self._ask(lambda: self._client.hget(key, name))
        return found

    async def fields(self, key: str) -> list[bytes]:
        """Return all fields of a hash."""
        return await self._ask(lambda: self._client.hvals(key)) or []

    async def _ask(self, ask: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - what redis-py declares holds for decoded answers too
        now = asyncio.get_running_loop().time()
        if not self.is_used or now < self._paused_until:
            return None
        try:
            return await ask()
        except RedisError as exc:
            logger.warning("Redis does not answer, the database does instead: %s", exc)
            self._paused_until = now + _PAUSE_SECONDS
            return None

    async def problem(self) -> str | None:
        """Return why Redis cannot be used now; None if it can, or is not meant to be."""
        if not self.is_used:
            return None
        try:
            async with asyncio.timeout(2 * _TIMEOUT_SECONDS):
                await self._client.ping()
        except (RedisError, TimeoutError) as exc:
            return str(exc) or "no answer"
        return None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose(close_connection_pool=True)
