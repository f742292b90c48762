"""Cancelled trades and records of cancels do not move a bar."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mdstream.feeds.websocket.massive_trades import tick_of_record
from mdstream.schemas.conditions import CANCEL
from mdstream.transforms import ConditionTable, Eligibility, to_bars, to_ticks
from tests.unit.feeds.websocket.vendor_server import FmpServer
from tests.unit.transforms.frames import MINUTE, Row, assert_bars, bar, tick, ticks_frame

SOUND = [tick("AAPL", 1, 10.0, 100.0, conditions=["12"]), tick("AAPL", 2, 11.0, 300.0)]
WITHOUT = bar("AAPL", (10.0, 11.0, 10.0, 11.0), 400.0, 10.75, 2, 2)


@pytest.mark.parametrize("table", [ConditionTable(), ConditionTable({"12": Eligibility(high_low=False)})])
def test_a_bar_is_what_it_would_be_without_cancelled_trades(spark: SparkSession, table: ConditionTable) -> None:
    cancelled = [
        tick("AAPL", 0, 99.0, 1e6, conditions=[CANCEL]),
        tick("AAPL", 1.5, 1.0, 1e6, conditions=["37", "correction:8", CANCEL]),
        tick("AAPL", 30, 50.0, 1e6, conditions=[None, CANCEL]),
    ]
    vwap, low = (10.75, 10.0) if table == ConditionTable() else (11.0, 11.0)
    expected = {**WITHOUT, "vwap": vwap, "low": low}
    assert_bars(ticks_frame(spark, [*SOUND, *cancelled]), [expected], conditions=table)


def test_a_window_of_nothing_but_cancels_has_no_bar(spark: SparkSession) -> None:
    cancelled = [tick("AAPL", 70, 99.0, conditions=[CANCEL]), tick("MSFT", 1, 99.0, conditions=[CANCEL])]
    assert_bars(ticks_frame(spark, [*SOUND, *cancelled]), [WITHOUT])


def test_no_conditions_and_missing_codes_are_no_cancel(spark: SparkSession) -> None:
    conditions: list[list[str | None] | None] = [None, [], [None], ["Cancel"], ["correction:1"]]
    trades = [tick("AAPL", second, 10.0, conditions=codes) for second, codes in enumerate(conditions)]
    assert_bars(ticks_frame(spark, trades), [bar("AAPL", (10.0,) * 4, 5.0, 10.0, 5, 4)])


def test_what_massive_has_cancelled_is_in_no_bar(spark: SparkSession) -> None:
    ticks: list[Row] = []
    bars: list[Row] = []
    for correction, counts in {0: True, 1: True, 7: False, 8: False, 10: False, 11: False, 12: False}.items():
        symbol = f"C{correction}"
        record = {"price": 20.0, "size": 100, "sip_timestamp": 1, "correction": correction}
        codes = tick_of_record(symbol, record)["conditions"]
        ticks += [{**sound, "symbol": symbol} for sound in SOUND]
        ticks.append(tick(symbol, 3, 20.0, 100.0, conditions=codes))
        with_it = bar(symbol, (10.0, 20.0, 10.0, 20.0), 500.0, 12.6, 3, 3)
        bars.append(with_it if counts else {**WITHOUT, "symbol": symbol})
    assert_bars(ticks_frame(spark, ticks), bars)


def test_a_break_of_fmp_is_in_no_bar(spark: SparkSession) -> None:
    [broken] = FmpServer([]).vendor().parse(FmpServer.trade(100, "AAPL", type="B")).ticks
    assert_bars(ticks_frame(spark, [*SOUND, tick("AAPL", 3, 20.0, 100.0, conditions=broken["conditions"])]), [WITHOUT])


def test_looking_for_cancels_does_not_parse_a_tick_twice(
    spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    records = spark.range(1).select(
        F.col("id").cast("string").cast("binary").alias("value"),
        F.col("id").alias("offset"),
        F.lit("tick_data").alias("topic"),
        F.lit(0).alias("partition"),
        F.timestamp_micros("id").alias("timestamp"),
    )
    records.transform(to_ticks, 300).transform(to_bars, [MINUTE]).explain("cost")
    filters = [line for line in capsys.readouterr().out.splitlines() if "Filter" in line]
    assert any("is_trade" in line for line in filters)
    assert not any("array_contains" in line for line in filters)
