"""What answers look like, for the documentation."""

from __future__ import annotations

from typing import Any

from mdstream.schemas import Record

_TICK = {
    "symbol": "AAPL",
    "price": 189.25,
    "size": 100.0,
    "event_time": "2024-05-06T13:30:00.123456Z",
    "ingest_time": "2024-05-06T13:30:00.151002Z",
    "source": "massive",
    "exchange": "4",
    "trade_id": "52983525029461",
    "sequence": 1063,
    "conditions": ["@", "T"],
}
_ANY_INDICATOR = 60.25
_PLACE = {"symbol": "AAPL", "window": "1min", "window_start": "2024-05-06T13:30:00Z"}
_BY_RECORD: dict[str, dict[str, Any]] = {
    "tick": _TICK,
    "stored tick": {**_TICK, "kafka_partition": 0, "kafka_offset": 417},
    "stored quote": {
        "symbol": "BTCUSDT",
        "event_time": "2024-05-06T13:30:00.151002Z",
        "bid": 61837.63,
        "ask": 61837.64,
        "bid_size": 1.25,
        "ask_size": 0.0086,
        "exchange": "BINANCE",
        "sequence": 50385480,
        "ingest_time": "2024-05-06T13:30:00.151002Z",
        "source": "binance",
        "kafka_partition": 0,
        "kafka_offset": 417,
    },
    "mover": {
        **_PLACE,
        "window_end": "2024-05-06T13:31:00Z",
        "mover_rank": 1,
        "simple_return": 0.0125,
        "close": 189.25,
        "close_before": 186.91,
        "volume": 10400.0,
        "trade_count": 312,
    },
    "bar": {
        **_PLACE,
        "window_end": "2024-05-06T13:31:00Z",
        "open": 189.2,
        "high": 189.31,
        "low": 189.05,
        "close": 189.25,
        "volume": 10400.0,
        "vwap": 189.1973,
        "trade_count": 312,
        "last_event_time": "2024-05-06T13:30:59.871002Z",
        "last_ingest_time": "2024-05-06T13:30:59.900413Z",
    },
    "indicator": {**_PLACE, "trade_count": 312, "last_event_time": "2024-05-06T13:30:59.871002Z"},
    "anomaly": {
        **_PLACE,
        "rule": "volume_spike",
        "severity": "high",
        "value": 10400.0,
        "threshold": 6210.0,
        "message": "AAPL 1min volume 10400 is 5.0 times its average",
        "detected_time": "2024-05-06T13:30:59.931117Z",
        "trade_count": 312,
        "last_event_time": "2024-05-06T13:30:59.871002Z",
        "withdrawn": False,
    },
    "prediction": {
        "symbol": "AAPL",
        "horizon_minutes": 5,
        "made_at": "2024-05-06T13:31:00.220519Z",
        "target_time": "2024-05-06T13:36:00Z",
        "last_price": 189.25,
        "predicted_price": 189.27,
        "lower": 188.91,
        "upper": 189.62,
        "naive_price": 189.25,
        "model_version": "20240505T010203Z-1a2b3c4d",
        "beats_naive": True,
        "relative_mae": 0.9975,
    },
}


def example_of(record: Record) -> dict[str, Any]:
    """Return one row as JSON has it; columns that only the configuration knows all have the same value."""
    return dict.fromkeys(record.schema.names, _ANY_INDICATOR) | _BY_RECORD[record.name]
