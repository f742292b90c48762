"""A small market for the dashboard's tests: what is stored before, and what happens then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from mdstream.config import KafkaSettings, Settings, TimescaleSettings
from mdstream.schemas import ANOMALY, BAR, Record
from mdstream.stores import KafkaSink, TimescaleSink
from tests.servers.serving.rows import bar

SETTINGS = Settings()
INDICATORS = SETTINGS.indicator_record

FIRST, SECOND, LONG = "DASH.A", "DASH.B", "DASH.C"
STORED_BARS = 60
LONG_BARS = 700
"""More than a chart loads at first."""
MINUTE = timedelta(minutes=1)
LAST = datetime.now(UTC).replace(second=0, microsecond=0)
"""When the newest stored bar begins."""


def price(place: int) -> float:
    """A close that a human can follow: a saw between 100 and 103."""
    return 100.0 + place % 4


def minute_bar(start: datetime, close: float, symbol: str = FIRST, **fields: object) -> dict[str, Any]:
    prices = {"open": close - 0.5, "high": close + 1.0, "low": close - 1.0, "close": close, "vwap": close}
    times = {"last_event_time": start + timedelta(seconds=30), "last_ingest_time": datetime.now(UTC)}
    return bar(start, symbol) | {"trade_count": 10} | prices | times | fields


def indicators_of(start: datetime, **fields: object) -> dict[str, Any]:
    place = {"symbol": FIRST, "window": "1min", "window_start": start, "trade_count": 10}
    return dict.fromkeys(INDICATORS.schema.names) | place | fields


def anomaly_at(start: datetime, message: str, **fields: object) -> dict[str, Any]:
    found = {"rule": "price_spike", "severity": "critical", "value": 11.0, "threshold": 5.0, "message": message}
    place = {"symbol": FIRST, "window": "1min", "window_start": start}
    return place | found | {"detected_time": datetime.now(UTC), "trade_count": 10} | fields


def forecast_of(minutes: int, price: float, **fields: object) -> dict[str, Any]:
    """A forecast from the newest stored bar, with an interval from 1 below to 2 above."""
    place = {"symbol": SECOND, "horizon_minutes": minutes, "target_time": LAST + MINUTE + minutes * MINUTE}
    prices = {"last_price": 50.0, "predicted_price": price, "naive_price": 50.0, "lower": price - 1, "upper": price + 2}
    model = {"made_at": LAST + MINUTE, "model_version": "v1", "beats_naive": False, "relative_mae": 1.012}
    return place | prices | model | fields


def store(database: TimescaleSettings, record: Record, *rows: dict[str, Any]) -> None:
    TimescaleSink(database, record).write(pa.RecordBatch.from_pylist(list(rows), schema=record.schema))


def send(kafka: KafkaSettings, record: Record, *rows: dict[str, Any]) -> None:
    KafkaSink(kafka, record).write(pa.RecordBatch.from_pylist(list(rows), schema=record.schema))


def store_an_hour(database: TimescaleSettings) -> None:
    """An hour of bars of one symbol with its indicators, and five minutes of another one."""
    starts = [LAST - MINUTE * (STORED_BARS - 1 - place) for place in range(STORED_BARS)]
    store(database, BAR, *(minute_bar(start, price(place)) for place, start in enumerate(starts)))
    others = (minute_bar(start, 50.0, SECOND) for start in starts[-5:])
    five = LAST.replace(minute=LAST.minute - LAST.minute % 5)
    store(database, BAR, *others, minute_bar(five, 50.0, SECOND, window="5min", window_end=five + 5 * MINUTE))
    values = {"sma_20": 101.5, "bb_upper": 104.0, "bb_middle": 101.5, "bb_lower": 99.0, "rsi_14": 55.0}
    macd = {"macd": 0.25, "macd_signal": 0.2, "macd_hist": 0.05}
    store(database, INDICATORS, *(indicators_of(start, **values, **macd) for start in starts[20:]))
    store(database, ANOMALY, anomaly_at(starts[30], "stored before"))


def store_half_a_day(database: TimescaleSettings) -> None:
    """Bars of a third symbol in two windows, and indicators of one of its bars alone."""
    starts = [LAST - MINUTE * (LONG_BARS - 1 - place) for place in range(LONG_BARS)]
    store(database, BAR, *(minute_bar(start, price(place), LONG) for place, start in enumerate(starts)))
    five = LAST.replace(minute=LAST.minute - LAST.minute % 5)
    fives = [five - 5 * MINUTE * place for place in range(LONG_BARS // 5)]
    longer = (minute_bar(start, 100.0, LONG, window="5min", window_end=start + 5 * MINUTE) for start in fives)
    store(database, BAR, *longer)
    store(database, INDICATORS, indicators_of(starts[-50], symbol=LONG, sma_20=50.25))
