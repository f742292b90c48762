"""Records as their topics hold them."""

from __future__ import annotations

import orjson

MINUTE = 60_000_000
NOON = 1_714_996_800_000_000


def tick(symbol: str = "AAPL", at: int = NOON, **changes: object) -> tuple[str, bytes]:
    fields = {"symbol": symbol, "price": 189.5, "size": 100.0, "event_time": at, "ingest_time": at}
    return "tick_data", orjson.dumps(fields | changes)


def bar(
    symbol: str = "AAPL", start: int = NOON, count: int = 1, window: str = "1min", **changes: object
) -> tuple[str, bytes]:
    fields = {"symbol": symbol, "window": window, "window_start": start, "close": 189.5, "trade_count": count}
    return "aggregated_data", orjson.dumps(fields | changes)


def anomaly(symbol: str = "AAPL", start: int = NOON, rule: str = "volume_spike", count: int = 1) -> tuple[str, bytes]:
    fields = {"symbol": symbol, "window": "1min", "window_start": start, "rule": rule, "trade_count": count}
    return "anomalies", orjson.dumps(fields)


def prediction(symbol: str = "AAPL", horizon: int = 5, target: int = NOON, made: int = 1) -> tuple[str, bytes]:
    fields = {"symbol": symbol, "horizon_minutes": horizon, "target_time": target, "made_at": made}
    return "predictions", orjson.dumps(fields)
