"""Larger bars of smaller ones are those of the ticks, to the last bit."""

from __future__ import annotations

import struct
from random import Random
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR
from mdstream.transforms import ConditionTable, Eligibility, parse_window, to_bars, to_complete_bars, to_larger_bars
from tests.unit.transforms.frames import at, bar, bars_frame, tick, ticks_frame
from tests.unit.transforms.sessions import stock_exchange

TABLE = ConditionTable({"late": Eligibility(open_close=False, high_low=False), "odd": Eligibility(volume=False)})
NEW_YORK = stock_exchange()
SESSIONS = [parse_window(text, [NEW_YORK]) for text in ("1min@NY", "30min@NY", "1d@NY")]


def market(spark: SparkSession, seconds: int = 4_000, start: float = 0) -> DataFrame:
    """Thin trading with minutes in which no trade is eligible, and amounts that no double holds exactly."""
    random = Random(4)
    ticks = [
        tick(
            random.choice("AB"),
            start + random.randrange(seconds * 1_000_000) / 1_000_000,
            round(random.uniform(10, 20), 4),
            round(random.uniform(0.01, 5e6), 8),
            conditions=random.choice([None, ["late"], ["late"], ["odd", "late"], ["odd"]]),
            kafka_offset=number,
        )
        for number in range(500)
    ]
    return ticks_frame(spark, ticks)


def bits(bars: DataFrame) -> dict[tuple[Any, ...], list[object]]:
    """Every value of each bar, floats by their bits."""
    return {
        (row["symbol"], row["window"], row["window_start"]): [
            struct.pack("<d", value) if isinstance(value := row[name], float) else value for name in BAR.schema.names
        ]
        for row in bars.toArrow().to_pylist()
    }


def test_five_minutes_of_minutes_are_those_of_the_ticks(spark: SparkSession) -> None:
    ticks = market(spark)
    minutes = ticks.transform(to_bars, ["1min", "15min"], TABLE, keep_sums=True)
    fives = minutes.transform(to_larger_bars, "1min", ["5min"])
    both = fives.unionByName(fives.transform(to_larger_bars, "5min", ["15min"]))
    found = bits(both)
    assert found == bits(ticks.transform(to_bars, ["5min", "15min"], TABLE))
    assert len(found) > 30


def test_sessions_of_minutes_are_those_of_the_ticks(spark: SparkSession) -> None:
    # From 09:10 to 16:30 in New York on 2026-03-06, a Friday.
    opening = 63 * 86_400 - 1_200
    ticks = market(spark, 26_400, opening)
    minutes = ticks.transform(to_bars, SESSIONS[:1], TABLE, keep_sums=True, extended=True)
    larger = minutes.transform(to_larger_bars, SESSIONS[0], SESSIONS[1:], extended=True)
    expected = ticks.transform(to_bars, SESSIONS[1:], TABLE, extended=True)
    assert bits(larger) == bits(expected)
    assert {row["extended"] for row in larger.select("extended").collect()} == {True, False}


def test_other_bars_have_all_but_the_last_digits(spark: SparkSession) -> None:
    first = bar("A", (10, 12, 9, 11), 100, 10.5, 3, 50)
    second = bar("A", (11, 15, 11, 14), 300, 12.5, 5, 110, window_start=at(60), window_end=at(120))
    minutes = bars_frame(spark, [second, first])
    (found,) = minutes.drop("last_ingest_time").transform(to_larger_bars, "1min", ["5min"]).toArrow().to_pylist()
    values = [found[name] for name in ("open", "high", "low", "close", "volume", "vwap", "trade_count")]
    assert values == [10, 15, 9, 14, 400, pytest.approx((100 * 10.5 + 300 * 12.5) / 400, rel=1e-15), 8]
    filled = minutes.transform(to_complete_bars, ["1min"], fill="zero_volume", end=at(600))
    (again,) = filled.transform(to_larger_bars, "1min", ["1h"]).toArrow().to_pylist()
    assert [again[name] for name in ("open", "close", "volume", "trade_count")] == [10, 14, 400, 8]


def test_what_does_not_fit_is_refused(spark: SparkSession) -> None:
    minutes = bars_frame(spark, [bar("A", (1, 1, 1, 1), 1, 1, 1, 50)])
    with pytest.raises(InvalidInputError, match="1min does not divide 90s"):
        minutes.transform(to_larger_bars, "1min", ["5min", "90s"])
    with pytest.raises(InvalidInputError, match="bars have no column trade_count"):
        minutes.drop("trade_count").transform(to_larger_bars, "1min", ["5min"])
    hours = bars_frame(spark, [bar("A", (1, 1, 1, 1), 1, 1, 1, 50, window="1h")]).selectExpr(
        "* except (window_start, window_end)",
        "timestamp_seconds(1772805600) window_start",
        "timestamp_seconds(1772809200) window_end",
    )
    # 14:00 to 15:00 UTC, and New York opens at 14:30.
    with pytest.raises(Exception, match="is not wholly in one of the larger windows"):
        hours.transform(to_larger_bars, "1h", SESSIONS[1:], extended=True).collect()
