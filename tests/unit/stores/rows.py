"""Ticks, bars, indicators, anomalies and forecasts for the tests of the sinks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from mdstream.indicators import indicator_record, parse_indicators
from mdstream.schemas import BAR, STORED_QUOTE, STORED_TICK, Record

START = datetime(2024, 5, 6, 13, 30, tzinfo=UTC)

INDICATOR = indicator_record(parse_indicators({"rsi": {"period": 14}, "macd": {}}))
"""What a configuration of two indicators is stored as."""

RECORDS = (STORED_TICK, BAR)
"""What most tests of the tables make."""


def bar(
    symbol: str = "AAPL", window: str = "1min", minute: int = 0, trade_count: int = 1, close: float = 10.0
) -> dict[str, Any]:
    start = START + timedelta(minutes=minute)
    return {
        "symbol": symbol,
        "window": window,
        "window_start": start,
        "window_end": start + timedelta(minutes=1),
        "open": 10.0,
        "high": 12.0,
        "low": 9.0,
        "close": close,
        "volume": 100.0,
        "vwap": None,
        "trade_count": trade_count,
        "last_event_time": start + timedelta(seconds=59, microseconds=1),
        "last_ingest_time": None,
    }


def tick(
    symbol: str = "AAPL",
    event_time: datetime = START,
    offset: int = 0,
    partition: int = 0,
    sequence: int | None = None,
    price: float = 10.0,
    **optional: object,
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(STORED_TICK.schema.names)
    return row | {
        "symbol": symbol,
        "price": price,
        "size": 1.0,
        "event_time": event_time,
        "sequence": sequence,
        "kafka_partition": partition,
        "kafka_offset": offset,
        **optional,
    }


def quote(symbol: str = "AAPL", offset: int = 0, bid: float = 10.0, **optional: object) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(STORED_QUOTE.schema.names)
    place = {"symbol": symbol, "event_time": START + timedelta(microseconds=offset)}
    coordinate = {"kafka_partition": 0, "kafka_offset": offset}
    return row | place | coordinate | {"bid": bid, "ask_size": 300.0, "sequence": offset} | optional


def indicator(
    symbol: str = "AAPL", window: str = "1min", minute: int = 0, trade_count: int = 1, rsi: float | None = None
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(INDICATOR.schema.names)
    start = START + timedelta(minutes=minute)
    key = {"symbol": symbol, "window": window, "window_start": start}
    return row | key | {"trade_count": trade_count, "rsi_14": rsi, "macd": -0.25}


def anomaly(
    symbol: str = "AAPL", rule: str = "price_spike", minute: int = 0, trade_count: int = 1, value: float | None = 5.5
) -> dict[str, Any]:
    start = START + timedelta(minutes=minute)
    return {
        "symbol": symbol,
        "window": "1min",
        "window_start": start,
        "rule": rule,
        "severity": "high",
        "value": value,
        "threshold": None,
        "message": f'{symbol} "jumped", by 5.5 %',
        "detected_time": start + timedelta(seconds=3, microseconds=7),
        "trade_count": trade_count,
        "last_event_time": start + timedelta(seconds=2, microseconds=5),
        "withdrawn": None,
    }


def prediction(symbol: str = "AAPL", horizon: int = 5, second: int = 1, price: float = 10.25) -> dict[str, Any]:
    """The forecast for five past START that was made in its `second`."""
    return {
        "symbol": symbol,
        "horizon_minutes": horizon,
        "made_at": START + timedelta(seconds=second, microseconds=11),
        "target_time": START + timedelta(minutes=5),
        "last_price": 10.0,
        "predicted_price": price,
        "lower": None,
        "upper": 10.5,
        "naive_price": 10.0,
        "model_version": "20240505T010203Z-1a2b3c4d",
        "beats_naive": True,
        "relative_mae": 0.9975,
    }


def batch_of(record: Record, rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=record.schema)


def bars(*rows: dict[str, Any]) -> pa.RecordBatch:
    return batch_of(BAR, list(rows))


def ticks(*rows: dict[str, Any]) -> pa.RecordBatch:
    return batch_of(STORED_TICK, list(rows))
