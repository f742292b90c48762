"""Rows for windows without trades, by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from mdstream.errors import InvalidInputError
from mdstream.transforms import is_first_partial, parse_window, to_bars, to_complete_bars
from tests.unit.transforms.frames import at, bar, bars_frame, tick, ticks_frame
from tests.unit.transforms.sessions import ny, stock_exchange
from tests.unit.transforms.test_session_bars import trades

NEW_YORK = stock_exchange()
HALF, DAY = (parse_window(text, [NEW_YORK]) for text in ("30min@NY", "1d@NY"))


def rows_of(bars: DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    rows = bars.sort("symbol", "window", "window_start").toArrow().to_pylist()
    return [tuple(row[name] for name in columns) for row in rows]


@pytest.mark.parametrize(
    ("fill", "prices", "volume"),
    [("nothing", [None] * 4, None), ("zero_volume", [None] * 4, 0.0), ("last_close", [10.0] * 4, 0.0)],
)
def test_a_gap_is_filled_as_asked(spark: SparkSession, fill: str, prices: list[float | None], volume: float) -> None:
    ticks = ticks_frame(spark, [tick("A", 10, 10.0), tick("A", 190, 12.0), tick("B", 10, 5.0), tick("B", 70, 5.0)])
    complete = ticks.transform(to_bars, ["1min"]).transform(to_complete_bars, ["1min"], fill=fill)
    names = ("symbol", "window_start", "window_end", "open", "high", "low", "close", "volume", "trade_count")
    assert rows_of(complete, *names, "is_filled", "vwap", "last_event_time") == [
        ("A", at(0), at(60), 10.0, 10.0, 10.0, 10.0, 1.0, 1, False, 10.0, at(10)),
        ("A", at(60), at(120), *prices, volume, 0, True, None, None),
        ("A", at(120), at(180), *prices, volume, 0, True, None, None),
        ("A", at(180), at(240), 12.0, 12.0, 12.0, 12.0, 1.0, 1, False, 12.0, at(190)),
        ("B", at(0), at(60), 5.0, 5.0, 5.0, 5.0, 1.0, 1, False, 5.0, at(10)),
        ("B", at(60), at(120), 5.0, 5.0, 5.0, 5.0, 1.0, 1, False, 5.0, at(70)),
    ]


def test_only_sessions_are_filled(spark: SparkSession) -> None:
    times = [ny("2026-03-06 08:00"), ny("2026-03-06 15:00"), ny("2026-03-09 10:10"), ny("2026-03-10 12:40")]
    bars = trades(spark, times).transform(to_bars, [HALF, DAY], extended=True)
    end = ny("2026-04-01 11:00")
    complete = bars.transform(to_complete_bars, [HALF, DAY], fill="last_close", start=ny("2026-03-06 13:00"), end=end)
    found = rows_of(complete.where("window = '30min@NY'"), "window_start", "close", "is_filled", "extended")
    halves = [ny("2026-03-06 13:00") + timedelta(minutes=30 * n) for n in range(6)]
    monday = [ny("2026-03-09 09:30") + timedelta(minutes=30 * n) for n in range(13)]
    tuesday = [ny("2026-03-10 09:30") + timedelta(minutes=30 * n) for n in range(7)]
    april = [ny("2026-04-01 09:30") + timedelta(minutes=30 * n) for n in range(3)]
    closes = [None] * 4 + [11.0] * 3 + [12.0] * 18 + [13.0] * 4
    traded = {ny("2026-03-06 15:00"), ny("2026-03-09 10:00"), ny("2026-03-10 12:30")}
    expected = list(zip([*halves, *monday, *tuesday, *april], closes, strict=True))
    assert found == [
        (ny("2026-03-06 08:00").astimezone(UTC), 10.0, False, True),
        *((start.astimezone(UTC), close, start not in traded, False) for start, close in expected),
    ]
    days = rows_of(complete.where("window = '1d@NY' and not extended"), "window_start", "window_end", "is_filled")
    spans = [("03-06", "16:00"), ("03-09", "16:00"), ("03-10", "13:00"), ("04-01", "16:00")]
    assert days == [
        (ny(f"2026-{day} 09:30").astimezone(UTC), ny(f"2026-{day} {close}").astimezone(UTC), day == "04-01")
        for day, close in spans
    ]


def test_the_bar_that_began_before_the_ticks_is_partial(spark: SparkSession) -> None:
    first = bar("A", (1, 1, 1, 1), 1, 1, 1, 50)
    bars = bars_frame(spark, [first, {**first, "window_start": at(60), "window_end": at(120)}])
    for since, expected in ((at(0), [False, False]), (at(0.5), [True, False]), (at(60), [False, False])):
        marked = bars.withColumn("is_first_partial", is_first_partial(since))
        assert [partial for (partial,) in rows_of(marked, "is_first_partial")] == expected


def test_what_cannot_be_done_is_refused(spark: SparkSession) -> None:
    bars = bars_frame(spark, [bar("A", (1, 1, 1, 1), 1, 1, 1, 50)])
    with pytest.raises(InvalidInputError, match="there is no fill 'zero'; expected one of nothing, last_close"):
        bars.transform(to_complete_bars, ["1min"], fill="zero")
    with pytest.raises(InvalidInputError, match="2026-01-05T00:00:00 is not an instant without a time zone"):
        bars.transform(to_complete_bars, ["1min"], start=datetime(2026, 1, 5))  # noqa: DTZ001
    with pytest.raises(InvalidInputError, match="bars have no column volume"):
        bars.drop("volume").transform(to_complete_bars, ["1min"])
