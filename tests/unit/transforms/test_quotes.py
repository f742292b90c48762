"""What quotes say, bars of them and the best of several: by hand, and by a plain program that takes one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from mdstream.errors import InvalidInputError
from mdstream.schemas.session_windows import parse_window
from mdstream.transforms import to_nbbo, to_order_flow, to_quote_bars, with_quote_measures
from tests.unit.transforms.frames import OPENING, at, frame_of
from tests.unit.transforms.sessions import ny, stock_exchange
from tests.unit.transforms.test_any_session import session_of

NAN = float("nan")


def by_time(frame: DataFrame, time: str, names: Sequence[str]) -> dict[tuple[str, float], list[object]]:
    """Values by symbol and seconds since the opening."""
    rows = frame.toArrow().to_pylist()
    return {(row["symbol"], (row[time] - OPENING).total_seconds()): [row[name] for name in names] for row in rows}


def test_measures_are_as_by_hand(spark: SparkSession) -> None:
    rows = [
        (1, 9.0, 11.0, 300.0, 100.0),
        (2, 10.0, 10.0, 0.0, 0.0),
        (3, 10.2, 9.8, 1.0, 3.0),
        (4, 10.0, 0.0, 1.0, 1.0),
        (5, None, 10.0, 1.0, 1.0),
        (6, 10.0, NAN, 1.0, 1.0),
        (7, 9.0, 11.0, None, 100.0),
    ]
    quotes = frame_of(spark, rows, "id int, bid double, ask double, bid_size double, ask_size double")
    measured = quotes.transform(with_quote_measures)
    names = ["mid", "spread", "spread_bps", "microprice", "imbalance", "is_locked", "is_crossed"]
    assert measured.columns == [*quotes.columns, *names]
    found = {row.id: [row[name] for name in names] for row in measured.collect()}
    none = [None] * 7
    assert found == {
        # (9 x 100 + 11 x 300) / 400: more is bid for, so the price leans to the ask.
        1: [10.0, 2.0, 2000.0, 10.5, 0.5, False, False],
        2: [10.0, 0.0, 0.0, None, None, True, False],
        3: pytest.approx([10.0, -0.4, -400.0, (10.2 * 3 + 9.8) / 4, -0.5, False, True]),
        **dict.fromkeys((4, 5, 6), none),
        7: [10.0, 2.0, 2000.0, None, None, False, False],
    }
    assert quotes.select("bid", "ask").transform(with_quote_measures).columns[2:] == [*names[:3], *names[5:]]


QUOTES = "symbol string, event_time timestamp_ltz, bid double, ask double, sequence bigint"
BAR = ("open", "high", "low", "close", "spread", "spread_bps", "quoted_seconds", "quote_count")


def test_bars_of_quotes_are_as_by_hand(spark: SparkSession) -> None:
    rows = [
        ("A", at(10), 9.0, 11.0, 1),
        ("A", at(40), 9.5, 10.5, 2),
        ("A", at(40), 10.5, 11.5, 3),  # of one time: the one before was in force for no time
        ("A", at(50), 12.0, 11.0, 4),  # crossed: ends the one before
        ("A", at(90), None, 11.0, 5),  # no quote in this minute
        ("A", at(130), 20.0, 24.0, 6),
        ("A", at(310), 20.0, 22.0, 7),  # two minutes without a quote; 10 s of the one before
        ("B", at(0), 5.0, 6.0, 1),
    ]
    with session_of(spark, "Asia/Kolkata", "TIMESTAMP_NTZ", "false"):
        bars = frame_of(spark, rows[::-1], QUOTES).transform(to_quote_bars, ["1min"])
        found = by_time(bars, "window_start", BAR)
    carried = (4 / 22 * 10 + 2 / 21 * 50) / 60 * 1e4
    assert found == {
        ("A", 0.0): pytest.approx([10, 11, 10, 11, (2 * 30 + 1 * 10) / 40, (2000 * 30 + 1e4 / 11 * 10) / 40, 40, 3]),
        ("A", 120.0): pytest.approx([22, 22, 22, 22, 4, 4 / 22 * 1e4, 50, 1]),
        ("A", 300.0): pytest.approx([21, 21, 21, 21, (4 * 10 + 2 * 50) / 60, carried, 60, 1]),
        ("B", 0.0): pytest.approx([5.5, 5.5, 5.5, 5.5, 1, 1 / 5.5 * 1e4, 60, 1]),
    }


def test_bars_of_quotes_are_of_sessions_too(spark: SparkSession) -> None:
    times = [ny("2026-03-06 09:29"), ny("2026-03-06 09:31"), ny("2026-03-06 16:30")]
    rows = [("A", time, 10.0, 10.0 + number, number) for number, time in enumerate(times, 1)]
    quotes = frame_of(spark, rows, QUOTES)
    half = parse_window("30min@NY", [stock_exchange()])
    bars = quotes.transform(to_quote_bars, half, extended=True).collect()
    assert sorted(row.extended for row in bars) == [False, True, True]
    (inside,) = (row for row in bars if not row.extended)
    assert (inside.window, inside.open, inside.quoted_seconds) == ("30min@NY", 11.0, 1800.0)
    assert inside.spread == pytest.approx((1 * 60 + 2 * 1740) / 1800)


def test_flow_is_as_by_hand(spark: SparkSession) -> None:
    signed = [(1, 3.0, 1), (2, 1.0, -1), (3, 5.0, None), (61, NAN, 1)]
    rows = [*(("A", at(time), size, sign) for time, size, sign in signed), ("A", None, 1.0, 1)]
    trades = frame_of(spark, rows, "symbol string, event_time timestamp_ltz, size double, sign int")
    flow = trades.transform(to_order_flow, ["1min", "5min"]).sort("window", "window_start")
    names = ["window", "buy_volume", "sell_volume", "unsigned_volume", "signed_volume", "imbalance"]
    names += ["buy_count", "sell_count", "trade_count"]
    assert [[row[name] for name in names] for row in flow.collect()] == [
        ["1min", 3.0, 1.0, 5.0, 2.0, 0.5, 1, 1, 3],
        ["1min", 0.0, 0.0, 0.0, 0.0, None, 1, 0, 1],
        ["5min", 3.0, 1.0, 5.0, 2.0, 0.5, 2, 1, 4],
    ]


VENUES = ["N", "P", "Q"]
BOOK = (
    "symbol string, exchange string, event_time timestamp_ltz, bid double, ask double, bid_size double, ask_size double"
)


def plain_nbbo(rows: list[tuple[Any, ...]]) -> dict[tuple[str, float], list[object]]:
    """The best of all venues after each time at which it changed: one quote after another."""
    held: dict[str, dict[str, tuple[Any, ...]]] = {}
    after: dict[tuple[str, float], list[object]] = {}
    for symbol, venue, time, bid, ask, bid_size, ask_size, *_ in sorted(rows, key=lambda row: (row[2], row[7])):
        books = held.setdefault(symbol, {})
        books[venue] = (bid, ask, bid_size, ask_size)
        sides: list[tuple[Any, ...]] = []
        for side, best in ((0, max), (1, min)):
            quoted = {name: book for name, book in sorted(books.items()) if book[side] is not None}
            price = best((book[side] for book in quoted.values()), default=None)
            at_best = [name for name, book in quoted.items() if book[side] == price]
            size = sum(quoted[name][2 + side] for name in at_best)
            sides.append((price, size, at_best) if at_best else (None, None, None))
        after[(symbol, time)] = [value for pair in zip(*sides, strict=True) for value in pair]
    changed: dict[tuple[str, float], list[object]] = {}
    last: dict[str, list[object]] = {}
    for (symbol, time), state in sorted(after.items(), key=lambda item: item[0]):
        if last.get(symbol) != state:
            changed[(symbol, time)] = last[symbol] = state
    return changed


def test_the_best_of_venues_is_that_of_a_plain_program(spark: SparkSession) -> None:
    random = Random(11)
    rows = [
        (random.choice("AB"), random.choice(VENUES), random.randrange(150),
         random.choice([None, 9.9, 10.0, 10.1]), random.choice([None, 10.1, 10.2, 10.3]),
         random.choice([1.0, 2.0]), random.choice([1.0, 2.0]), number)
        for number in range(400)
    ]  # fmt: skip
    timed = [(*row[:2], at(row[2]), *row[3:]) for row in random.sample(rows, len(rows))]
    best = frame_of(spark, timed, f"{BOOK}, sequence bigint").transform(to_nbbo, VENUES)
    names = ["bid", "ask", "bid_size", "ask_size", "bid_exchanges", "ask_exchanges"]
    assert best.columns == ["symbol", "event_time", *names]
    found = by_time(best, "event_time", names)
    assert found == plain_nbbo(rows)
    assert 100 < len(found) < 280


def test_what_cannot_be_right_is_refused(spark: SparkSession) -> None:
    quotes = frame_of(spark, [("A", "X", at(0), 1.0, 2.0, 1.0, 1.0)], BOOK)
    with pytest.raises(InvalidInputError, match="expected different exchanges, found: N, N"):
        to_nbbo(quotes, ["N", "N"])
    with pytest.raises(Exception, match="to_nbbo found a quote of X, which is none of N, P, Q; name it too"):
        to_nbbo(quotes, VENUES).collect()
    with pytest.raises(InvalidInputError, match="quotes have no column ask; found: symbol"):
        to_quote_bars(quotes.drop("ask"), "1min")
    with pytest.raises(InvalidInputError, match="quotes have no column ask_size"):
        with_quote_measures(quotes.drop("ask_size"))
    with pytest.raises(InvalidInputError, match="column sign of trades is string; expected numbers"):
        to_order_flow(quotes.selectExpr("symbol", "event_time", "1 size", "'buy' sign"), "1min")
