"""Ticks and bars for the tests of the API, stored by the sinks that the jobs use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from mdstream.config import RedisSettings, Settings, TimescaleSettings
from mdstream.schemas import BAR, STORED_TICK
from mdstream.sinks import RedisLatestPriceSink, TimescaleSink

SETTINGS = Settings(technical_indicators={"sma": {"periods": [20]}, "rsi": {"period": 14}})
"""Two indicators, as columns `sma_20` and `rsi_14`."""

INDICATORS = SETTINGS.indicator_record
RECORDS = SETTINGS.table_records
"""What the API reads from the database."""

NOON = datetime(2024, 5, 6, 12, 0, tzinfo=UTC)


def tick(offset: int, event_time: datetime = NOON, symbol: str = "AAPL", **fields: object) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(STORED_TICK.schema.names)
    place = {"symbol": symbol, "event_time": event_time, "kafka_partition": 0, "kafka_offset": offset}
    return row | {"price": 100.0, "size": 1.0} | place | fields


def bar(window_start: datetime = NOON, symbol: str = "AAPL", window: str = "1min", **fields: object) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(BAR.schema.names)
    prices = {"open": 100.0, "high": 101.5, "low": 99.5, "close": 101.0, "volume": 300.0, "trade_count": 1}
    place = {
        "symbol": symbol,
        "window": window,
        "window_start": window_start,
        "window_end": window_start + timedelta(minutes=1),
        "last_event_time": window_start,
    }
    return row | prices | place | fields


def store_ticks(database: TimescaleSettings, *rows: dict[str, Any]) -> None:
    TimescaleSink(database, STORED_TICK).write(pa.RecordBatch.from_pylist(list(rows), schema=STORED_TICK.schema))


def store_bars(database: TimescaleSettings, *rows: dict[str, Any]) -> None:
    TimescaleSink(database, BAR).write(pa.RecordBatch.from_pylist(list(rows), schema=BAR.schema))


def remember_latest(redis: RedisSettings, *rows: dict[str, Any]) -> None:
    RedisLatestPriceSink(redis).write(pa.RecordBatch.from_pylist(list(rows), schema=STORED_TICK.schema))
