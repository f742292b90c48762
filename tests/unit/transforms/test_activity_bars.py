"""Bars by activity: by hand, and against a plain loop over random trades."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas.session_windows import parse_window
from mdstream.transforms import to_activity_bars, to_imbalance_bars, to_run_bars
from tests.unit.transforms.examples import examples_of
from tests.unit.transforms.frames import Row, at, tick, ticks_frame
from tests.unit.transforms.sessions import ny, stock_exchange
from tests.unit.transforms.test_expectations import IMBALANCES, RUNS, trades

Trade = tuple[float, float]
Bar = tuple[Any, ...]

SIZES = st.sampled_from([0.1, 0.2, 0.3, 1.0, 2.5, 7.0])
SERIES = st.lists(st.tuples(st.sampled_from([9.5, 10.0, 10.5]), SIZES), min_size=1, max_size=12)
THRESHOLD = Decimal("1.2")


def found(bars: DataFrame, *columns: str) -> list[Bar]:
    rows = bars.toArrow().to_pylist()
    return [
        tuple(row[name] for name in columns) for row in sorted(rows, key=lambda row: (row["symbol"], row["bar_number"]))
    ]


def sequence(symbol: str, series: list[Trade]) -> list[Row]:
    return [tick(symbol, n / 8, price, size, sequence=n) for n, (price, size) in enumerate(series)]


def carried(series: list[Trade]) -> list[Bar]:
    """Open, close, volume, trades and whether it is complete, of bars of `THRESHOLD` units."""
    bars: list[list[Trade]] = []
    total, last = Decimal(0), -1
    for price, size in series:
        number = int(total // THRESHOLD)
        if number != last:
            bars.append([])
        bars[-1].append((price, size))
        total, last = total + Decimal(str(size)), number
    return [_bar(bar, is_complete=n < len(bars) - 1 or total >= THRESHOLD * (last + 1)) for n, bar in enumerate(bars)]


def cut(series: list[Trade]) -> list[Bar]:
    bars: list[list[Trade]] = [[]]
    wanted = THRESHOLD
    for price, size in series:
        left = Decimal(str(size))
        while True:
            if wanted == 0:
                bars.append([])
                wanted = THRESHOLD
            part = min(left, wanted)
            bars[-1].append((price, float(part)))
            left, wanted = left - part, wanted - part
            if left == 0:
                break
    return [_bar(bar, is_complete=n < len(bars) - 1 or wanted == 0) for n, bar in enumerate(bars)]


def _bar(bar: list[Trade], *, is_complete: bool) -> Bar:
    volume = float(sum(Decimal(str(size)) for _, size in bar))
    return (bar[0][0], bar[-1][0], pytest.approx(volume, rel=1e-12), len(bar), is_complete)


def test_bars_of_units_are_those_of_a_loop(spark: SparkSession) -> None:
    examples = examples_of(SERIES, 40)
    ticks = ticks_frame(spark, [row for n, series in enumerate(examples) for row in sequence(f"S{n}", series)]).cache()
    columns = ("symbol", "open", "close", "volume", "trade_count", "is_complete")
    for crossing, loop in (("carry", carried), ("cut", cut)):
        bars = found(ticks.transform(to_activity_bars, "volume", 1.2, crossing=crossing), *columns)
        for n, series in enumerate(examples):
            assert [bar[1:] for bar in bars if bar[0] == f"S{n}"] == loop(series), (crossing, series)


def test_bars_of_trades_and_dollars_by_hand(spark: SparkSession) -> None:
    # The cancelled trade is none, and the second and the third are at one time, told apart by their sequence.
    series = [
        tick("A", 0, 10.0, 3.0, sequence=1),
        tick("A", 1, 12.0, 5.0, sequence=3),
        tick("A", 1, 11.0, 2.0, sequence=2),
        tick("A", 2, 99.0, 9.0, sequence=4, conditions=["cancel"]),
        tick("A", 3, 8.0, 1.0, sequence=5),
    ]
    ticks = ticks_frame(spark, series)
    columns = ("window", "bar_number", "open", "high", "low", "close", "volume", "vwap", "trade_count", "is_complete")
    assert found(ticks.transform(to_activity_bars, "tick", 3), *columns) == [
        ("3ticks", 1, 10.0, 12.0, 10.0, 12.0, 10.0, 11.2, 3, True),
        ("3ticks", 2, 8.0, 8.0, 8.0, 8.0, 1.0, 8.0, 1, False),
    ]
    # 30, 22, 60 and 8 dollars: the third trade is parted after 48 of its dollars, which are 4 of its 5 units.
    assert found(ticks.transform(to_activity_bars, "dollar", 100, crossing="cut"), *columns) == [
        ("100dollars", 1, 10.0, 12.0, 10.0, 12.0, 9.0, pytest.approx(100 / 9), 3, True),
        ("100dollars", 2, 12.0, 12.0, 8.0, 8.0, 2.0, 10.0, 2, False),
    ]
    spans = ticks.transform(to_activity_bars, "dollar", 52.0).select(
        "symbol", "bar_number", *(F.unix_seconds(name).alias(name) for name in ("window_start", "window_end"))
    )
    first = int(at(0).timestamp())
    assert found(spans, "window_start", "window_end") == [
        (first, first + 1), (first + 1, first + 1), (first + 3, first + 3)
    ]  # fmt: skip


def test_bars_begin_anew_in_each_session(spark: SparkSession) -> None:
    times = ["06 09:29", "06 09:30", "06 09:31", "06 15:59", "06 16:00", "09 09:30", "09 09:31", "09 09:32", "09 09:33"]
    rows = [{**tick("A", 0, 10.0 + n, 1.0), "event_time": ny(f"2026-03-{time}")} for n, time in enumerate(times)]
    day = parse_window("1d@NY", [stock_exchange()])
    bars = ticks_frame(spark, rows).transform(to_activity_bars, "tick", 2, within=day)
    assert found(bars, "bar_number", "open", "close", "is_complete") == [
        (1, 11.0, 12.0, True), (2, 13.0, 13.0, False), (3, 15.0, 16.0, True), (4, 17.0, 18.0, True)
    ]  # fmt: skip


def test_imbalance_and_run_bars_end_where_they_should(spark: SparkSession) -> None:
    price, size = trades()
    rows = sequence("A", list(zip(price.tolist(), size.tolist(), strict=True)))
    ticks = ticks_frame(spark, [*rows, *sequence("FEW", [(10.0, 1.0), (11.0, 1.0)])])
    columns = ("symbol", "trade_count", "open", "close", "threshold", "is_complete")
    bars = found(ticks.transform(to_imbalance_bars, "volume", 40, ticks_back=50, bounds=(20, 60)), *columns)
    ends = [0, *IMBALANCES["volume"], len(price)]
    counts = [end - begin for begin, end in pairwise(ends)]
    assert [bar[1] for bar in bars] == [*counts, 2]
    assert bars[1][2:4] == (price[ends[1]], price[ends[2] - 1])
    assert [bar[5] for bar in bars] == [True] * (len(counts) - 1) + [False, False]
    assert (bars[-1][0], bars[-1][4], bars[0][4] is None) == ("FEW", None, False)
    # Bought alone, by a column that says so: each forty trades that are bought reach what is expected of them.
    bought = ticks.withColumn("side", F.lit(1)).transform(to_imbalance_bars, "tick", 40, sign="side")
    assert [bar[1] for bar in found(bought, *columns)] == [40] * 50 + [2]
    runs = found(ticks.transform(to_run_bars, "volume", 20, ticks_back=200, bounds=(5, 200)), *columns)
    assert (len(runs) - 2, [bar[1] for bar in runs[:2]]) == (RUNS["volume"][0], [54, 54])


def test_what_cannot_be_a_bar_is_refused(spark: SparkSession) -> None:
    ticks = ticks_frame(spark, [tick("A", 0, 10.0)])
    for measure, threshold, message in (
        ("trades", 1, "there is no measure 'trades'; expected one of tick, volume, dollar"),
        ("tick", 1.5, "found the threshold 1.5; expected a whole number of trades"),
        ("volume", 0, "found the threshold 0; expected a number above 0, of units"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            ticks.transform(to_activity_bars, measure, threshold)
    with pytest.raises(InvalidInputError, match="there is no crossing 'reset'; expected one of carry, cut"):
        ticks.transform(to_activity_bars, "tick", 1, crossing="reset")
    with pytest.raises(InvalidInputError, match="found first_ticks 0; expected at least 1"):
        ticks.transform(to_imbalance_bars, "tick", 0)
    with pytest.raises(InvalidInputError, match="found the bounds 5 and 2; expected two numbers above 0"):
        ticks.transform(to_run_bars, "tick", 1, bounds=(5, 2))
    with pytest.raises(InvalidInputError, match="ticks have no column side; found: symbol, price"):
        ticks.transform(to_run_bars, "tick", 1, sign="side")
    with pytest.raises(InvalidInputError, match="found a stream of ticks; to_run_bars expects stored ones"):
        spark.readStream.format("rate").load().transform(to_run_bars, "tick", 1)
    without_price = ticks.withColumn("price", F.lit(None).cast("double"))
    with pytest.raises(Exception, match="to_activity_bars found a trade with price missing"):
        without_price.transform(to_activity_bars, "tick", 1).collect()
