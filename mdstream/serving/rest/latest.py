"""The newest records of a symbol, from Redis."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from pydantic import BaseModel

from mdstream.config import RedisSettings
from mdstream.schemas import BAR, PREDICTION, TICK, Record
from mdstream.schemas.checking import MalformedRecordError, RecordCheck
from mdstream.schemas.keys import bar_key, indicators_key, latest_price_key, predictions_key
from mdstream.schemas.wire import with_datetimes
from mdstream.serving.rest.models import Bar, Prediction, Tick, model_of
from mdstream.stores.redis.latest import LatestValues
from mdstream.telemetry.refused_records import RefusedRecords

logger = logging.getLogger(__name__)


class LatestRecords:
    """Newest records of Redis as models of the API; see `LatestValues`.

    Each answer is None, or empty, if Redis has none or cannot say.

    Attributes:
        is_used: Whether `stores.redis.enabled` says so; Redis is not asked otherwise.
    """

    def __init__(self, settings: RedisSettings, connections: int, indicators: Record) -> None:
        self._values = LatestValues(settings, connections)
        self._tick, self._bar = _Reading(TICK, Tick), _Reading(BAR, Bar)
        self._indicators = _Reading(indicators, model_of("Indicators", indicators))
        self._prediction = _Reading(PREDICTION, Prediction)
        self.is_used = settings.enabled

    async def tick(self, symbol: str) -> BaseModel | None:
        """Return the newest tick of `symbol`."""
        key = latest_price_key(symbol)
        return self._tick.read(key, await self._values.value(key), symbol=symbol)

    async def bar(self, symbol: str, window: str) -> BaseModel | None:
        """Return the newest bar of `symbol` and `window`."""
        key = bar_key(symbol, window)
        return self._bar.read(key, await self._values.value(key), symbol=symbol, window=window)

    async def indicators(self, symbol: str, window: str) -> BaseModel | None:
        """Return the indicators of the newest bar of `symbol` and `window`."""
        key = indicators_key(symbol)
        value = await self._values.field(key, window)
        return self._indicators.read(key, value, symbol=symbol, window=window)

    async def predictions(self, symbol: str) -> list[BaseModel]:
        """Return the newest forecast of `symbol` for each horizon, the nearest first."""
        key = predictions_key(symbol)
        found = (self._prediction.read(key, value, symbol=symbol) for value in await self._values.fields(key))
        return sorted(filter(None, found), key=lambda prediction: prediction.model_dump()["horizon_minutes"])

    async def problem(self) -> str | None:
        """Return why Redis cannot be used now; None if it can, or is not meant to be."""
        return await self._values.problem()

    async def close(self) -> None:
        """Close the connections."""
        await self._values.close()


class _Reading:
    """Reads what Redis has of one record, and leaves out what is none: others may have written it."""

    def __init__(self, record: Record, model: type[BaseModel]) -> None:
        self._record = record
        self._model = model
        self._check = RecordCheck(record)
        self._refused = RefusedRecords(logger)

    def read(self, key: str, value: bytes | None, **asked: str) -> BaseModel | None:
        if value is None:
            return None
        try:
            found = self._check.read(value)
            _require(found, asked)
            return self._model.model_validate(with_datetimes(self._record, found))
        except (MalformedRecordError, ValueError) as exc:
            self._refused.note(f"{key} in Redis is not {self._record.one}: {exc}", "Redis")
            return None


def _require(found: Mapping[str, object], asked: Mapping[str, str]) -> None:
    for name, expected in asked.items():
        if found[name] != expected:
            raise MalformedRecordError(f"{name} is {found[name]!r}, expected {expected!r}")
