"""Which trades shape a bar, for every combination of flags."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from mdstream.transforms import ConditionTable, Eligibility
from tests.unit.transforms.frames import Row, assert_bars, bar, tick, ticks_frame

CODES = {
    "all": Eligibility(),
    "open": Eligibility(open_close=True, high_low=False, volume=False),
    "high": Eligibility(open_close=False, high_low=True, volume=False),
    "sold": Eligibility(open_close=False, high_low=False, volume=True),
    "none": Eligibility(open_close=False, high_low=False, volume=False),
    "open-high": Eligibility(open_close=True, high_low=True, volume=False),
    "open-sold": Eligibility(open_close=True, high_low=False, volume=True),
    "high-sold": Eligibility(open_close=False, high_low=True, volume=True),
}

Trades = tuple[tuple[list[str | None] | None, float, float], ...]
"""Conditions, price and size of one trade a second."""

Expected = tuple[tuple[float, float, float, float], float, float | None]
"""Open, high, low and close; volume; vwap."""


def _check(spark: SparkSession, table: ConditionTable, cases: dict[str, tuple[Trades, Expected]]) -> None:
    ticks: list[Row] = []
    bars: list[Row] = []
    for symbol, (trades, (prices, volume, vwap)) in cases.items():
        ticks += [
            tick(symbol, second, price, size, conditions=conditions)
            for second, (conditions, price, size) in enumerate(trades)
        ]
        bars.append(bar(symbol, prices, volume, vwap, len(trades), len(trades) - 1))
    assert_bars(ticks_frame(spark, ticks), bars, conditions=table)


def test_a_code_allows_what_its_flags_say(spark: SparkSession) -> None:
    # Two ordinary trades of 100 at 10, around them one at each extreme with the code.
    def around(code: str) -> Trades:
        return (([code], 20.0, 100.0), (None, 10.0, 100.0), ([], 10.0, 100.0), ([code], 5.0, 200.0))

    weighed = (20.0 * 100 + 10.0 * 200 + 5.0 * 200) / 500
    _check(
        spark,
        ConditionTable(CODES),
        {
            "all": (around("all"), ((20.0, 20.0, 5.0, 5.0), 500.0, weighed)),
            "open": (around("open"), ((20.0, 10.0, 10.0, 5.0), 200.0, 10.0)),
            "high": (around("high"), ((10.0, 20.0, 5.0, 10.0), 200.0, 10.0)),
            "sold": (around("sold"), ((10.0, 10.0, 10.0, 10.0), 500.0, 10.0)),
            "none": (around("none"), ((10.0, 10.0, 10.0, 10.0), 200.0, 10.0)),
            "open-high": (around("open-high"), ((20.0, 20.0, 5.0, 5.0), 200.0, 10.0)),
            "open-sold": (around("open-sold"), ((20.0, 10.0, 10.0, 5.0), 500.0, 10.0)),
            "high-sold": (around("high-sold"), ((10.0, 20.0, 5.0, 10.0), 500.0, weighed)),
            "unknown-code": (around("?"), ((20.0, 20.0, 5.0, 5.0), 500.0, weighed)),
        },
    )


def test_without_an_eligible_trade_all_serve_for_each_purpose_apart(spark: SparkSession) -> None:
    def two(first: str, second: str) -> Trades:
        return (([first], 20.0, 100.0), ([second], 10.0, 300.0))

    every = 12.5  # (20 x 100 + 10 x 300) / 400
    _check(
        spark,
        ConditionTable(CODES),
        {
            "none": (two("none", "none"), ((20.0, 20.0, 10.0, 10.0), 0.0, every)),
            "sold": (two("sold", "sold"), ((20.0, 20.0, 10.0, 10.0), 400.0, every)),
            "open": (two("none", "open"), ((10.0, 20.0, 10.0, 10.0), 0.0, every)),
            "high": (two("none", "high"), ((20.0, 10.0, 10.0, 10.0), 0.0, every)),
            # Of these two one counts for volume and the other for the high: none has a weight in the VWAP.
            "apart": (two("sold", "high"), ((20.0, 10.0, 10.0, 10.0), 100.0, every)),
            "one": (((["none"], 7.0, 3.0),), ((7.0, 7.0, 7.0, 7.0), 0.0, 7.0)),
        },
    )


def test_of_several_codes_any_that_forbids_wins(spark: SparkSession) -> None:
    def first(*codes: str | None) -> Trades:
        return ((list(codes), 20.0, 100.0), (["all"], 10.0, 300.0))

    as_all: Expected = ((20.0, 20.0, 10.0, 10.0), 400.0, 12.5)
    as_none: Expected = ((10.0, 10.0, 10.0, 10.0), 300.0, 10.0)
    _check(
        spark,
        ConditionTable(CODES),
        {
            "all-all": (first("all", "all", "?"), as_all),
            "open-high-sold": (first("open", "high-sold"), as_none),
            "open-high-high": (first("open-high", "high"), ((10.0, 20.0, 10.0, 10.0), 300.0, 10.0)),
            "none-last": (first("all", "?", "none"), as_none),
            "none-first": (first("none", "all"), as_none),
            "null-is-no-code": (first(None), as_all),
            "null-and-none": (first(None, "none"), as_none),
            "case-counts": (first("NONE"), as_all),
            "spaces-count": (first(" none"), as_all),
        },
    )


@pytest.mark.parametrize("codes", [{"all": Eligibility()}, {}], ids=["known", "nothing-known"])
def test_codes_without_a_row_take_the_one_of_all_others(spark: SparkSession, codes: dict[str, Eligibility]) -> None:
    def first(*conditions: str | None) -> Trades:
        return ((list(conditions), 20.0, 100.0), (None, 10.0, 300.0))

    ordinary: Expected = ((20.0, 20.0, 10.0, 10.0), 400.0, 12.5)
    other: Expected = ((10.0, 20.0, 10.0, 10.0), 300.0, 10.0)
    cases: dict[str, tuple[Trades, Expected]] = {
        "no-conditions": (first(), ordinary),
        "null-is-no-code": (first(None), ordinary),
        "unknown": (first("?"), other),
        "null-and-unknown": (first(None, "?"), other),
        "known": (first("all"), ordinary if codes else other),
        "known-and-unknown": (first("all", "?"), other),
    }
    _check(spark, ConditionTable(codes, other=CODES["high"]), cases)
