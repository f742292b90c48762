"""Who began a trade and what that cost: by hand, and against what an exchange says of its own trades."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.transforms import with_paid_spreads, with_trade_sign
from tests.real_trades import test_data
from tests.unit.transforms.frames import at, frame_of
from tests.unit.transforms.test_any_session import session_of

FRAMES_FILE = "binance_spot_ws_trade_frames_20240808_09.jsonl.gz"
TRADES = "symbol string, event_time timestamp_ltz, price double, size double, sequence bigint"
QUOTES = "symbol string, event_time timestamp_ltz, bid double, ask double"

# Seconds, price; what each rule says of it: tick, quote, Lee-Ready, Lee-Ready with a lag of 5 s.
HAND: list[tuple[float, float | None, tuple[int | None, ...]]] = [
    (0, 10.5, (None, None, None, None)),  # the quote of its own time does not count
    (1, 10.5, (None, 1, 1, None)),
    (2, 10.0, (-1, None, -1, -1)),  # at the mid
    (2, 10.0, (-1, None, -1, -1)),
    (7, 9.0, (-1, -1, -1, -1)),
    (11, 10.2, (1, None, 1, 1)),  # bid above ask; 5 s earlier the mid was 10
    (21, 10.2, (1, None, 1, 1)),  # nobody asks; 5 s earlier bid above ask
    (30, 10.9, (1, None, 1, 1)),
    (31, 10.9, (1, -1, -1, 1)),
    (32, float("nan"), (1, None, 1, 1)),
    (33, 11.0, (1, None, 1, 1)),
    (40, 10.7, (-1, -1, -1, -1)),
]
BOOKS = [(0, 9.0, 11.0), (10, 11.0, 10.0), (20, 10.0, None), (30, 10.0, 12.0)]
# What each rule is called with, by its place in HAND.
RULES: dict[int, dict[str, Any]] = {
    0: {"rule": "tick"},
    2: {"rule": "lee_ready"},
    3: {"rule": "lee_ready", "lag": timedelta(seconds=5)},
}


def trades_frame(spark: SparkSession, symbols: Sequence[str] = ("A",)) -> DataFrame:
    rows = [(s, at(t), price, 2.0, number) for s in symbols for number, (t, price, _) in enumerate(HAND)]
    return frame_of(spark, rows[::-1], TRADES)


def quotes_frame(spark: SparkSession, symbols: Sequence[str] = ("A",)) -> DataFrame:
    return frame_of(spark, [(s, at(t), bid, ask) for s in symbols for t, bid, ask in BOOKS], QUOTES)


def test_each_rule_says_what_it_says_by_hand(spark: SparkSession) -> None:
    trades, quotes = trades_frame(spark, ["A", "B"]), quotes_frame(spark, ["A", "B"])
    frames = [
        trades.transform(with_trade_sign, None if rule["rule"] == "tick" else quotes, **rule)
        .select("symbol", "sequence", "sign", "signed_size", F.lit(number).alias("rule"))
        for number, rule in RULES.items()
    ]  # fmt: skip
    both = frames[0].union(frames[1]).union(frames[2])
    found = {(row.symbol, row.rule, row.sequence): (row.sign, row.signed_size) for row in both.collect()}
    for (symbol, rule, number), (sign, size) in found.items():
        expected = HAND[number][2][rule]
        assert sign == expected, (symbol, RULES[rule], HAND[number])
        assert size == (None if expected is None else 2.0 * expected)
    assert len(found) == 2 * len(RULES) * len(HAND)


def test_the_quote_rule_takes_a_quote_of_any_age_or_a_young_one(spark: SparkSession) -> None:
    trades, quotes = trades_frame(spark), quotes_frame(spark)
    by_quote = trades.transform(with_trade_sign, quotes, "quote", bucket=timedelta(seconds=3))
    found = [row.sign for row in by_quote.sort("sequence").collect()]
    assert found == [said[1] for _, _, said in HAND]
    young = by_quote.transform(with_trade_sign, quotes, "quote", tolerance=timedelta(seconds=1))
    assert young.columns == [*trades.columns, "mid", "sign", "signed_size"]
    assert {row.sequence for row in young.where("mid is not null").collect()} == {1, 8}


def test_a_trade_at_the_mid_of_any_cents_is_at_the_mid(spark: SparkSession) -> None:
    cents = range(1000, 60_000, 997)
    trades = frame_of(spark, [(str(cent), at(1), cent / 100, 1.0, 1) for cent in cents], TRADES)
    quotes = frame_of(spark, [(str(cent), at(0), (cent - 3) / 100, (cent + 3) / 100) for cent in cents], QUOTES)
    signed = trades.transform(with_trade_sign, quotes, "quote")
    assert {(row.sign, row.mid is None) for row in signed.select("sign", "mid").collect()} == {(None, False)}
    above = trades.withColumn("price", F.col("price") + 0.005).transform(with_trade_sign, quotes, "quote")
    assert {row.sign for row in above.select("sign").collect()} == {1}


def test_what_a_trade_paid_is_as_by_hand(spark: SparkSession) -> None:
    rows = [("A", at(1), 10.2, 5.0, 1), ("A", at(2), 9.9, 5.0, 2), ("A", at(9), 10.0, 5.0, 3)]
    with session_of(spark, "America/New_York", "TIMESTAMP_NTZ", "false"):
        trades = frame_of(spark, rows, TRADES)
        quotes = frame_of(spark, [("A", at(0), 9.9, 10.1), ("A", at(6), 10.0, 10.2), ("A", at(60), 9.0, 9.2)], QUOTES)
        signed = trades.transform(with_trade_sign, quotes)
        paid = signed.transform(with_paid_spreads, quotes, timedelta(seconds=5)).sort("sequence").collect()
    spreads = [
        [row.sign, row.effective_spread, row.effective_spread_bps, row.realised_spread, row.price_impact]
        for row in paid
    ]
    # 20 cents from a mid of 10.0; 5 s later, at which time a new quote counts, the mid is 10.1. The seller sold 10
    # cents too low, and the price went up after. The last sold at 10.0 while the mid was 10.1, and so it stayed.
    assert spreads == [
        pytest.approx([1, 0.4, 400.0, 0.2, 0.2]),
        pytest.approx([-1, 0.2, 200.0, 0.4, -0.2]),
        pytest.approx([-1, 0.2, 0.2 / 10.1 * 1e4, 0.2, 0.0]),
    ]


def test_what_cannot_be_right_is_refused(spark: SparkSession) -> None:
    trades, quotes = trades_frame(spark), quotes_frame(spark)
    with pytest.raises(InvalidInputError, match="no rule 'lee'; expected one of tick, quote, lee_ready"):
        with_trade_sign(trades, quotes, "lee")
    with pytest.raises(InvalidInputError, match="the rule lee_ready needs quotes"):
        with_trade_sign(trades)
    with pytest.raises(InvalidInputError, match=r"trades have no column mid; found: .*; with_trade_sign adds it"):
        trades.transform(with_trade_sign, rule="tick").transform(with_paid_spreads, quotes)
    with pytest.raises(InvalidInputError, match="column bid of quotes is string; expected numbers"):
        with_trade_sign(trades, quotes.withColumn("bid", F.lit("9")))


def test_the_tick_rule_is_right_where_an_exchange_tells_the_taker(spark: SparkSession) -> None:
    with gzip.open(test_data(FRAMES_FILE), "rt") as lines:
        told = [json.loads(line)["frame"]["data"] for line in lines]
    rows = [(t["s"], t["T"], float(t["p"]), float(t["q"]), t["t"], -1 if t["m"] else 1) for t in told]
    schema = "symbol string, ms bigint, price double, size double, sequence bigint, taker int"
    trades = spark.createDataFrame(rows, schema).withColumn("event_time", F.timestamp_millis("ms"))
    signed = trades.transform(with_trade_sign, rule="tick")
    counts = signed.agg(F.count("sign"), F.count_if(F.col("sign") == F.col("taker"))).first()
    assert counts is not None
    told_of, right = counts
    assert (len(rows), told_of) == (34_419, 34_410)
    # The share that another implementation had on the same recording.
    assert round(100 * right / told_of, 2) >= 96.22
