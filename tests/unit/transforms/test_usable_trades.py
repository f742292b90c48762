"""Trades that would spoil a bar are dropped with the reason of the stream, or fail the query."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from mdstream.transforms import filter_usable_trades, to_bars, with_trade_columns
from tests.unit.transforms.examples import examples_of
from tests.unit.transforms.frames import MINUTE, OPENING, assert_bars, at, bar, frame_of
from tests.unit.transforms.records import outcomes_of, payload

SCHEMA = "symbol string, event_time timestamp_ltz, price double, size double"
NAN, INFINITE = float("nan"), float("inf")
Trade = tuple[str | None, datetime | None, float | None, float | None]

UNUSABLE: list[tuple[Trade, str]] = [
    ((None, at(0), 1.0, 1.0), "symbol missing"),
    (("A", None, 1.0, 1.0), "event_time missing"),
    (("A", at(0), None, 1.0), "price missing"),
    (("A", at(0), 1.0, None), "size missing"),
    (("A", at(0), NAN, 1.0), "price not finite: NaN"),
    (("A", at(0), 1.0, NAN), "size not finite: NaN"),
    (("A", at(0), INFINITE, 1.0), "price not finite: Infinity"),
    (("A", at(0), 0.0, 1.0), "price not positive: 0.0"),
    (("A", at(0), -37.63, 1.0), "price not positive: -37.63"),
    (("A", at(0), 1.0, 0.0), "size not positive: 0.0"),
    (("A", at(0), 1.0, 1e18), "size above 1e+14: 1.0E18"),
    (("A", at(0), 2e12, 1.0), "price above 1e+12: 2.0E12"),
    (("A", at(0), 1e8, 1e7), "price x size above 1e+14"),
    (("A", datetime.fromtimestamp(1_767_364, OPENING.tzinfo), 1.0, 1.0), "event_time before 1990-01-01: 1767364000000"),
]


def test_each_reason_is_the_streams(spark: SparkSession) -> None:
    trades = frame_of(spark, [trade for trade, _ in UNUSABLE] + [("A", at(0), 1.0, 1.0)], SCHEMA)
    rows = filter_usable_trades(trades, keep_rejected=True).collect()
    assert [row["reject_reason"] for row in rows] == [*(reason for _, reason in UNUSABLE), None]
    assert filter_usable_trades(trades).collect() == [("A", at(0).replace(tzinfo=None), 1.0, 1.0)]
    names = ("symbol", "event_time", "price", "size")
    values = []
    for trade, _ in UNUSABLE:
        fields: dict[str, Any] = dict(zip(names, trade, strict=True))
        time = fields["event_time"]
        values.append(payload(**fields | {"event_time": time and round(time.timestamp() * 1e6)}))
    assert [outcome.reason for outcome in outcomes_of(spark, values)] == [reason for _, reason in UNUSABLE]


@pytest.mark.parametrize("number", [0, 1, 2, 5, 10])
def test_bars_of_unusable_trades_fail_with_the_reason(spark: SparkSession, number: int) -> None:
    trade, reason = UNUSABLE[number]
    trades = frame_of(spark, [("A", at(0), 1.0, 1.0), trade], SCHEMA)
    with pytest.raises(PySparkException, match=re.escape(f"to_bars found a trade with {reason}; ")):
        trades.transform(to_bars, [MINUTE]).select("close").collect()


def test_prices_of_zero_and_below_are_taken_where_they_may_be(spark: SparkSession) -> None:
    trades = frame_of(spark, [("A", at(0), -37.63, 2.0), ("A", at(1), 0.0, 1.0), ("A", at(2), 1.0, 1.0)], SCHEMA)
    usable = filter_usable_trades(trades, nonpositive_prices=True)
    assert_bars(usable, [bar("A", (-37.63, 1.0, -37.63, 1.0), 4.0, -18.565, 3, 2)])
    assert filter_usable_trades(trades).count() == 1


def test_optional_columns_are_looked_at_if_they_are_there(spark: SparkSession) -> None:
    schema = f"{SCHEMA}, ingest_time timestamp_ltz, exchange string, conditions array<string>, source int"
    rows = [
        ("A", at(400), 1.0, 1.0, at(100), "X", ["@"], 1),
        ("A", at(401), 1.0, 1.0, at(100), "X", ["@"], 2),
        ("A", at(0), 1.0, 1.0, datetime(1980, 1, 1, tzinfo=OPENING.tzinfo), "X", None, 3),
        ("A", at(0), 1.0, 1.0, None, "X\n", None, 4),
        ("A", at(0), 1.0, 1.0, None, None, ["\x7f"], 5),
        ("A", at(0), 1.0, 1.0, None, None, [None], 6),
        (" B", at(0), 1.0, 1.0, None, None, None, 7),
    ]
    frame = filter_usable_trades(frame_of(spark, rows, schema), keep_rejected=True)
    assert [row["reject_reason"] for row in frame.sort("source").collect()] == [
        None,
        "event_time too far ahead of ingest_time: 1767364601000000",
        "ingest_time before 1990-01-01: 315532800000000",
        "exchange malformed",
        "conditions malformed",
        "conditions malformed",
        "symbol malformed:  B",
    ]


def test_trades_that_nothing_puts_in_order_give_the_same_bar_in_any_order(spark: SparkSession) -> None:
    trades = [("A", at(1), price, 1.0) for price in (3.0, 1.0, 2.0)] + [
        ("A", at(2), price, 1.0) for price in (5.0, 6.0, 4.0)
    ]
    expected = [bar("A", (1.0, 6.0, 1.0, 6.0), 6.0, 3.5, 6, 2)]
    assert_bars(frame_of(spark, trades, SCHEMA), expected)
    assert_bars(frame_of(spark, trades[::-1], SCHEMA), expected)
    # With equal sequences and no offset the order is some, but always the same.
    found = {
        row["open"]
        for order in (trades, trades[::-1], trades[2:] + trades[:2])
        for row in frame_of(spark, [(*trade, 7) for trade in order], f"{SCHEMA}, sequence int")
        .transform(to_bars, [MINUTE])
        .collect()
    }
    assert len(found) == 1


amounts = st.sampled_from([None, NAN, 0.0, -1.0, 1e18, INFINITE]) | st.floats(0.01, 9999).map(lambda x: round(x, 4))
any_trade = st.tuples(
    st.sampled_from(["A", "A", "B", None, " "]),
    st.none() | st.integers(1, 119_999_999),
    amounts,
    amounts,
    st.none() | st.sampled_from([1.0, 2.0, 3.0]),
)


def test_any_trades_give_the_bars_of_a_plain_reference_or_are_refused(spark: SparkSession) -> None:
    market = examples_of(any_trade, 400)
    rows = [
        (
            symbol,
            micros and 1_767_364_200_000_000 + micros,
            price and f" {price}",
            size,
            sequence and float(sequence),
            number,
        )
        for number, (symbol, micros, price, size, sequence) in enumerate(market)
    ]
    schema = "symbol string, t bigint, p string, size double, sequence double, kafka_offset int"
    frame = frame_of(spark, rows, schema).transform(with_trade_columns, event_time="t", unit="us", price="p")
    kept = frame.transform(filter_usable_trades)
    bars = {
        (bar["symbol"], bar["window_start"]): bar for bar in kept.transform(to_bars, [MINUTE]).toArrow().to_pylist()
    }
    reference: dict[tuple[str, datetime], list[tuple[Any, ...]]] = {}
    refused = 0
    for number, (symbol, micros, price, size, sequence) in enumerate(market):
        amounts_fit = all(x is not None and 0 < x <= 1e12 for x in (price, size))
        if symbol not in {"A", "B"} or micros is None or not amounts_fit:
            refused += 1
            continue
        start = OPENING + timedelta(minutes=micros // 60_000_000)
        order = (micros, number if sequence is None else sequence, number)
        reference.setdefault((symbol, start), []).append((order, price, size))
    assert bars.keys() == reference.keys()
    for key, trades in reference.items():
        trades.sort()
        prices = [price for _, price, _ in trades]
        found = bars[key]
        assert [found[name] for name in ("open", "high", "low", "close", "trade_count")] == [
            prices[0], max(prices), min(prices), prices[-1], len(prices),
        ]  # fmt: skip
        assert found["volume"] == pytest.approx(math.fsum(size for _, _, size in trades), rel=1e-12)
    assert filter_usable_trades(frame, keep_rejected=True).where("reject_reason IS NOT NULL").count() == refused
