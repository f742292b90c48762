"""Records as their topics hold them."""

from __future__ import annotations

from typing import Any

import orjson

from mdstream.kafka.reader import Arrival

MINUTE = 60_000_000
NOON = 1_714_996_800_000_000


def tick(symbol: str = "AAPL", at: int = NOON, **changes: object) -> Arrival:
    fields = {"symbol": symbol, "price": 189.5, "size": 100.0, "event_time": at, "ingest_time": at}
    return Arrival("tick_data", orjson.dumps(fields | changes))


def quote(symbol: str = "AAPL", at: int = NOON, exchange: str | None = None, **changes: object) -> Arrival:
    fields = {"symbol": symbol, "bid": 189.25, "ask": 189.5, "event_time": at, "ingest_time": at}
    named = {} if exchange is None else {"exchange": exchange}
    return Arrival("quote_data", orjson.dumps(fields | named | changes))


def bar(symbol: str = "AAPL", start: int = NOON, count: int = 1, window: str = "1min", **changes: object) -> Arrival:
    return Arrival("aggregated_data", orjson.dumps(bar_fields(symbol, start, count, window) | changes))


def bar_fields(symbol: str = "AAPL", start: int = NOON, count: int = 1, window: str = "1min") -> dict[str, Any]:
    prices = dict.fromkeys(("open", "high", "low", "close", "vwap"), 189.5)
    times = {"window_start": start, "window_end": start + MINUTE, "last_event_time": start}
    return {"symbol": symbol, "window": window, "volume": 100.0, "trade_count": count} | prices | times


def anomaly(
    symbol: str = "AAPL", start: int = NOON, rule: str = "volume_spike", count: int = 1, **changes: object
) -> Arrival:
    place = {"symbol": symbol, "window": "1min", "window_start": start, "rule": rule, "trade_count": count}
    found = {"severity": "high", "value": 9.0, "threshold": 5.0, "message": "more than usual", "detected_time": start}
    return Arrival("anomalies", orjson.dumps(place | found | changes))


def prediction(symbol: str = "AAPL", horizon: int = 5, target: int = NOON, made: int = 1, **changes: object) -> Arrival:
    prices = dict.fromkeys(("last_price", "predicted_price", "naive_price"), 189.5)
    place = {"symbol": symbol, "horizon_minutes": horizon, "target_time": target, "made_at": made}
    return Arrival(
        "predictions", orjson.dumps(place | prices | {"model_version": "naive", "beats_naive": False} | changes)
    )
