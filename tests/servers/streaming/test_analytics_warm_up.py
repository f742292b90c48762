"""Histories out of a real PostgreSQL, exactly as they were stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mdstream.config import Settings, StoreSettings, TimescaleSettings
from mdstream.errors import StoreError
from mdstream.indicators.history import Bars
from mdstream.schemas import BAR
from mdstream.stores import TimescaleSink
from mdstream.stores.timescaledb import create_schema
from mdstream.streaming.warm_up import WarmUp

pytestmark = pytest.mark.servers

_START = datetime(2026, 1, 2, 14, 30, tzinfo=UTC)


def bar(symbol: str, minute: int, **fields: object) -> dict[str, Any]:
    start = _START + timedelta(minutes=minute)
    return {
        "symbol": symbol,
        "window": "1min",
        "window_start": start,
        "window_end": start + timedelta(minutes=1),
        "open": 0.1 + minute,
        "high": 1e12 / 3,
        "low": 5e-324,
        "close": 1 / 3 + minute,
        "volume": 2.0**53 + 2,
        "vwap": 0.2,
        "trade_count": 2**62 + minute,
        "last_event_time": start + timedelta(microseconds=59_999_999),
        "last_ingest_time": start + timedelta(microseconds=1),
        **fields,
    }


def first(minute: int) -> np.datetime64:
    return np.datetime64((_START + timedelta(minutes=minute)).replace(tzinfo=None), "us")


def minutes_of(bars: Bars) -> list[int]:
    return [int(minutes) for minutes in (bars["window_start"] - first(0)) // np.timedelta64(1, "m")]


@pytest.fixture
def warm_up(fresh_database: TimescaleSettings) -> WarmUp:
    create_schema(fresh_database, [BAR])
    rows = [bar(symbol, minute) for symbol in ("A", "NA") for minute in range(10)]
    rows += [bar("A", 3, window="5min"), bar("null", 0, vwap=None, last_ingest_time=None)]
    TimescaleSink(fresh_database, BAR).write(pa.RecordBatch.from_pylist(rows, schema=BAR.schema))
    return WarmUp(fresh_database, bars=4, retry_seconds=1)


def test_the_last_bars_before_the_first_known_one_are_read_exactly(warm_up: WarmUp) -> None:
    asked = {("A", "1min"): first(8), ("NA", "1min"): first(2), ("A", "5min"): first(3), ("B", "1min"): first(100)}
    histories = warm_up.read(asked)
    assert {series: (minutes_of(own.bars), own.cut) for series, own in histories.items()} == {
        ("A", "1min"): ([4, 5, 6, 7], True),
        ("NA", "1min"): ([0, 1], False),
    }
    newest = histories["A", "1min"].bars[-1]
    expected = bar("A", 7)
    for name in BAR.schema.names[2:]:
        value = newest[name].item()
        assert (value.replace(tzinfo=UTC) if isinstance(value, datetime) else value) == expected[name], name
    assert np.isnan(newest["latency_ms"])


def test_nulls_are_read_as_nulls(warm_up: WarmUp) -> None:
    (history,) = warm_up.read({("null", "1min"): first(1)}).values()
    assert np.isnan(history.bars["vwap"][0])
    assert np.isnat(history.bars["last_ingest_time"][0])


def test_nothing_asked_and_nothing_found_are_no_histories(warm_up: WarmUp) -> None:
    assert warm_up.read({}) == {}
    assert warm_up.read({("B", "1min"): first(0)}) == {}


def test_a_missing_table_is_named(fresh_database: TimescaleSettings) -> None:
    with pytest.raises(StoreError, match=r"no table that fits.*mdstream maintain"):
        WarmUp(fresh_database, bars=4, retry_seconds=1).read({("A", "1min"): first(0)})


def test_without_a_database_there_is_no_warm_up(fresh_database: TimescaleSettings) -> None:
    off = fresh_database.model_copy(update={"enabled": False})
    assert WarmUp.of(Settings(stores=StoreSettings(timescaledb=off))) is None
    on = WarmUp.of(Settings(stores=StoreSettings(timescaledb=fresh_database, retry_seconds=7), history_bars=50))
    assert on == WarmUp(fresh_database, 50, 7)
