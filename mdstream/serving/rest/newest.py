"""The newest records of a symbol, from Redis."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from pydantic import BaseModel
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from mdstream.config import RedisSettings
from mdstream.config.redis_address import redis_address
from mdstream.monitoring.refused_records import RefusedRecords
from mdstream.schemas import BAR, PREDICTION, TICK, Record
from mdstream.schemas.checking import MalformedRecordError, RecordCheck
from mdstream.schemas.keys import bar_key, indicators_key, latest_price_key, predictions_key
from mdstream.schemas.wire import with_datetimes
from mdstream.serving.rest.models import Bar, Prediction, Tick, model_of

_LOGGER = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 1.0
_PAUSE_SECONDS = 1.0


class NewestRecords:
    """Asks Redis for newest records; after a failure it leaves Redis alone for a second, so that answers stay fast.

    Each answer is None, or empty, if Redis has none or cannot say.

    Attributes:
        is_used: Whether `stores.redis.enabled` says so; Redis is not asked otherwise.
    """

    def __init__(self, settings: RedisSettings, connections: int, indicators: Record) -> None:
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
        self._tick, self._bar = _Reading(TICK, Tick), _Reading(BAR, Bar)
        self._indicators = _Reading(indicators, model_of("Indicators", indicators))
        self._prediction = _Reading(PREDICTION, Prediction)
        self.is_used = settings.enabled
        self._paused_until = 0.0

    async def tick(self, symbol: str) -> BaseModel | None:
        """Return the newest tick of `symbol`."""
        key = latest_price_key(symbol)
        return self._tick.read(key, await self._ask(lambda: self._client.get(key)), symbol=symbol)

    async def bar(self, symbol: str, window: str) -> BaseModel | None:
        """Return the newest bar of `symbol` and `window`."""
        key = bar_key(symbol, window)
        return self._bar.read(key, await self._ask(lambda: self._client.get(key)), symbol=symbol, window=window)

    async def indicators(self, symbol: str, window: str) -> BaseModel | None:
        """Return the indicators of the newest bar of `symbol` and `window`."""
        key = indicators_key(symbol)
        value = await self._ask(lambda: self._client.hget(key, window))
        return self._indicators.read(key, value, symbol=symbol, window=window)

    async def predictions(self, symbol: str) -> list[BaseModel]:
        """Return the newest forecast of `symbol` for each horizon, the nearest first."""
        key = predictions_key(symbol)
        values: Iterable[bytes] = await self._ask(lambda: self._client.hvals(key)) or ()
        found = (self._prediction.read(key, value, symbol=symbol) for value in values)
        return sorted(filter(None, found), key=lambda prediction: prediction.model_dump()["horizon_minutes"])

    async def _ask(self, ask: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - what redis-py declares holds for decoded answers too
        now = asyncio.get_running_loop().time()
        if not self.is_used or now < self._paused_until:
            return None
        try:
            return await ask()
        except RedisError as exc:
            _LOGGER.warning("Redis does not answer, the database does instead: %s", exc)
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


class _Reading:
    """Reads what Redis has of one record, and leaves out what is none: others may have written it."""

    def __init__(self, record: Record, model: type[BaseModel]) -> None:
        self._record = record
        self._model = model
        self._check = RecordCheck(record)
        self._refused = RefusedRecords(_LOGGER)

    def read(self, key: str, value: bytes | None, **asked: str) -> BaseModel | None:
        if value is None:
            return None
        try:
            found = self._check.read(value)
            for name, expected in asked.items():
                if found[name] != expected:
                    raise MalformedRecordError(f"{name} is {found[name]!r}, expected {expected!r}")
            return self._model.model_validate(with_datetimes(self._record, found))
        except (MalformedRecordError, ValueError) as exc:
            self._refused.note(f"{key} in Redis is not a {self._record.name}: {exc}", "Redis")
            return None
