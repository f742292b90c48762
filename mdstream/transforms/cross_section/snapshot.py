"""The newest bar of every symbol at a time, or at many."""

from __future__ import annotations

from datetime import datetime, timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as Over
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas.session_windows import Window, parse_window
from mdstream.transforms.bar_terms import EXTENDED
from mdstream.transforms.instants import micros_of
from mdstream.transforms.session_columns import with_windows
from mdstream.transforms.stored_bars import SERIES, check_stored

SNAPSHOT_TIME = "snapshot_time"
"""Column of the time at which a row of a snapshot was the newest of its symbol and window."""

CROSS_SECTION = ("window", SNAPSHOT_TIME)
"""Columns that all rows of one cross-section have alike."""

_HELPERS = ("placed", "seen", "number", "time", "count", "until")


def to_snapshot(
    bars: DataFrame,
    at: datetime | None = None,
    *,
    every: Window | str | None = None,
    max_age: timedelta | None = None,
) -> DataFrame:
    """Keep the newest bar of each symbol and window that was complete at a time, or at the end of each of many windows.

    Args:
        bars: At least symbol, window, window_start and window_end, such as of `with_returns` or `with_volatility`.
        at: The time, with its zone. A bar that ends then is complete.
        every: Instead, a window or its name: at the end of each in which any symbol has a complete bar of that window's
            time, e.g. `5min`, `1d@XNYS`. Bars that end outside of a calendar's sessions are left out.
        max_age: How long ago a bar may have ended, so that what is halted or gone is left out; else any.

    Returns:
        All columns and `snapshot_time`, at most one row a symbol, window and time.

    Raises:
        InvalidInputError: Neither or both of `at` and `every` are given, a time has no zone, an age is below 0, a
            column is missing, or the bars are a stream.

    Example:
        >>> from datetime import UTC
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
        >>> ends = {"AAPL": noon - timedelta(minutes=1), "IBM": noon, "SPY": noon + timedelta(minutes=1)}
        >>> rows = [{"symbol": symbol, "window_end": end} for symbol, end in ends.items()]
        >>> snapshot = frame_of(spark, BAR, rows).transform(to_snapshot, noon)
        >>> [row.symbol for row in snapshot.sort("symbol").collect()]
        ['AAPL', 'IBM']
    """
    check_stored(bars, (*SERIES, "window_start", "window_end"), (SNAPSHOT_TIME, *_HELPERS))
    if max_age is not None and max_age < timedelta(0):
        raise InvalidInputError(f"found a max_age of {max_age}; expected none below 0")
    age = None if max_age is None else max_age // timedelta(microseconds=1)
    if at is not None and every is None:
        return _at(bars, micros_of(at), age)
    if every is not None and at is None:
        return _every(bars, parse_window(every) if isinstance(every, str) else every, age)
    raise InvalidInputError("expected either at=, a time, or every=, a window")


def _ended() -> Column:
    return F.unix_micros("window_end")


def _at(bars: DataFrame, time: int, age: int | None) -> DataFrame:
    known = bars.where((_ended() <= time) if age is None else _ended().between(time - age, time))
    return known.transform(_newest, SERIES).withColumn(SNAPSHOT_TIME, F.timestamp_micros(F.lit(time)))


def _newest(bars: DataFrame, keys: tuple[str, ...]) -> DataFrame:
    """Keep the last bar of each group; of bars of sessions and of what is outside of them, whichever ended last."""
    names = [name for name in bars.columns if name not in keys]
    order = [F.col("window_end"), F.col("window_start"), *(F.col(name) for name in names if name == EXTENDED)]
    newest = F.max_by(F.struct(*names), F.struct(*order)).alias("newest")
    return (
        bars.groupBy(*keys).agg(newest).select(*(name if name in keys else f"newest.{name}" for name in bars.columns))
    )


def _every(bars: DataFrame, window: Window, age: int | None) -> DataFrame:
    # A bar that ends when a window does is in that one, not in the next.
    placed = bars.transform(with_windows, _ended() - 1, [window]).where(~F.col("placed.extended"))
    last = placed.withColumn("seen", F.col("placed.end")).drop("placed").transform(_newest, (*SERIES, "seen"))
    # Times are numbered, so that a symbol's bar is joined by number to each time until its next one.
    all_times = last.agg(F.array_sort(F.collect_set("seen")).alias("times"))
    times = all_times.select(F.posexplode("times").alias("number", "time"))
    of_symbol = Over.partitionBy(*SERIES).orderBy("number")
    numbered = last.join(times, F.col("seen") == F.col("time")).drop("time")
    until = F.coalesce(F.lead("number").over(of_symbol) - 1, F.col("count") - 1)
    counted = numbered.crossJoin(F.broadcast(all_times.select(F.size("times").alias("count"))))
    shown = counted.withColumn("until", until).withColumn("number", F.explode(F.sequence("number", "until")))
    joined = shown.join(times, "number")
    fresh = joined if age is None else joined.where(F.col("time") - _ended() <= age)
    return fresh.select(*bars.columns, F.timestamp_micros("time").alias(SNAPSHOT_TIME))
