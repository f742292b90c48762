"""Ticks and bars for the tests of the API, stored by the sinks that the jobs use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from mdstream.config import RedisSettings, Settings, TimescaleSettings
from mdstream.schemas import BAR, STORED_TICK, Record
from mdstream.stores import RedisSink, Sink, TimescaleSink

SETTINGS = Settings(technical_indicators={"sma": {"periods": [20]}, "rsi": {"period": 14}})
"""Two indicators, as columns `sma_20` and `rsi_14`."""

INDICATORS = SETTINGS.indicator_record
RECORDS = SETTINGS.table_records
"""What the API reads from the database."""

Row = dict[str, Any]
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


def indicators(window_start: datetime = NOON, symbol: str = "AAPL", window: str = "1min", **fields: object) -> Row:
    place = {"symbol": symbol, "window": window, "window_start": window_start, "trade_count": 1}
    return dict.fromkeys(INDICATORS.schema.names) | place | fields


def anomaly(window_start: datetime = NOON, symbol: str = "AAPL", rule: str = "price_spike", **fields: object) -> Row:
    found = {"severity": "high", "value": 106.0, "threshold": 105.0, "message": f"{symbol} is odd", "trade_count": 1}
    place = {"symbol": symbol, "window": "1min", "window_start": window_start, "rule": rule}
    return place | found | {"detected_time": window_start + timedelta(seconds=59)} | fields


def prediction(target_time: datetime = NOON, symbol: str = "AAPL", horizon: int = 5, **fields: object) -> Row:
    prices = {"last_price": 100.0, "predicted_price": 100.5, "lower": None, "upper": 101.0, "naive_price": 100.0}
    model = {"model_version": "20240505T010203Z-1a2b3c4d", "beats_naive": True, "relative_mae": 0.9975}
    made_at = target_time - timedelta(minutes=horizon)
    place = {"symbol": symbol, "horizon_minutes": horizon, "made_at": made_at, "target_time": target_time}
    return place | prices | model | fields


def store(database: TimescaleSettings, record: Record, *rows: Row) -> None:
    TimescaleSink(database, record).write(pa.RecordBatch.from_pylist(list(rows), schema=record.schema))


def remember(sink: Sink, record: Record, *rows: Row) -> None:
    sink.write(pa.RecordBatch.from_pylist(list(rows), schema=record.schema))


def remember_latest(redis: RedisSettings, *rows: dict[str, Any]) -> None:
    RedisSink(redis, STORED_TICK).write(pa.RecordBatch.from_pylist(list(rows), schema=STORED_TICK.schema))
