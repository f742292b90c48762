"""The newest prices, from Redis."""

from __future__ import annotations

import asyncio
import logging

from pydantic import BaseModel
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from mdstream.config import RedisSettings
from mdstream.config.redis_address import redis_address
from mdstream.schemas import TICK
from mdstream.schemas.keys import latest_price_key
from mdstream.schemas.wire import decode
from mdstream.serving.rest.models import Tick

_LOGGER = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 1.0
_PAUSE_SECONDS = 1.0


class LatestPrices:
    """Asks Redis for newest ticks; after a failure it leaves Redis alone for a second, so that answers stay fast."""

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
        self._paused_until = 0.0

    async def get(self, symbol: str) -> BaseModel | None:
        """Return the newest tick of `symbol`; None if Redis has none or cannot say."""
        now = asyncio.get_running_loop().time()
        if now < self._paused_until:
            return None
        try:
            value: bytes | None = await self._client.get(latest_price_key(symbol))  # type: ignore[assignment]
        except RedisError as exc:
            _LOGGER.warning("Redis does not answer, the database does instead: %s", exc)
            self._paused_until = now + _PAUSE_SECONDS
            return None
        if value is None:
            return None
        try:
            return Tick.model_validate(decode(TICK, value))
        except (ValueError, OverflowError) as exc:
            _LOGGER.warning("%s in Redis is not a tick: %s", latest_price_key(symbol), exc)
            return None

    async def problem(self) -> str | None:
        """Return why Redis cannot be used now; None if it can."""
        try:
            async with asyncio.timeout(2 * _TIMEOUT_SECONDS):
                await self._client.ping()
        except (RedisError, TimeoutError) as exc:
            return str(exc) or "no answer"
        return None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose(close_connection_pool=True)
