"""Bars of windows without trades, and the bar that began before its ticks did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as Over
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas.session_table import SessionTable, session_table
from mdstream.schemas.session_windows import SessionWindow, Window, read_windows
from mdstream.transforms.bar_terms import EXTENDED, MICROSECONDS
from mdstream.transforms.bars import check_names
from mdstream.transforms.instants import micros_of
from mdstream.transforms.required_columns import require_columns
from mdstream.transforms.session_columns import numbers

IS_FILLED = "is_filled"
"""Column that is true of a bar that was added because there was no trade."""

_SERIES = ("symbol", "window")
_PRICES = ("open", "high", "low", "close")
_BEFORE, _BAR, _AFTER = 0, 1, 2


class Fill(StrEnum):
    """What a bar without trades says."""

    NOTHING = "nothing"
    LAST_CLOSE = "last_close"
    ZERO_VOLUME = "zero_volume"


def to_complete_bars(
    bars: DataFrame,
    windows: Window | str | Sequence[Window | str],
    *,
    fill: Fill | str = Fill.NOTHING,
    start: datetime | None = None,
    end: datetime | None = None,
) -> DataFrame:
    """Add a row for each window without trades between a symbol's bars, in sessions alone.

    Args:
        bars: At least symbol, window, window_start, window_end, open, high, low, close, volume and trade_count. Bars
            that are marked `extended` stay as they are.
        windows: Whose gaps are filled, or their names; bars of other windows stay as they are.
        fill: What such a row says: `nothing` (null), `zero_volume` (volume 0, no prices), or `last_close` (volume 0,
            and the last close before as open, high, low and close; null if there is none). Its number of trades is 0,
            and all other columns are null.
        start: Rows begin with the first window that begins then or later; else with the first bar of each symbol.
        end: Rows end with the last window that begins before; else with the last bar of each symbol.

    Returns:
        All columns and `is_filled`. A symbol without any bar gets none.

    Raises:
        InvalidInputError: The bars are a stream, a column is missing, or a time is without a zone.

    Example:
        >>> from datetime import UTC
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> times = [datetime(2026, 1, 5, 14, minute, tzinfo=UTC) for minute in (30, 31, 32, 33)]
        >>> first, last = ({"window_start": times[n], "window_end": times[n + 1], "close": 2.0} for n in (0, 2))
        >>> complete = frame_of(spark, BAR, [first, last]).transform(to_complete_bars, ["1min"], fill="last_close")
        >>> complete.where("is_filled").select("open", "close", "volume", "trade_count").collect()
        [Row(open=2.0, close=2.0, volume=0.0, trade_count=0)]
    """
    if bars.isStreaming:
        raise InvalidInputError("found a stream of bars; expected stored bars: what has no trades, no stream brings")
    needed = (*_SERIES, "window_start", "window_end", *_PRICES, "volume", "trade_count")
    require_columns(bars, "bars", needed)
    if fill not in list(Fill):
        raise InvalidInputError(f"there is no fill '{fill}'; expected one of {', '.join(Fill)}")
    named = read_windows(windows)
    check_names(named)
    regular = ~F.coalesce(F.col(EXTENDED), F.lit(False)) if EXTENDED in bars.columns else F.lit(True)
    series = Over.partitionBy(*_SERIES, "is_regular").orderBy("window_start")
    begin = F.unix_micros("window_start")
    rows = bars.withColumns({"is_regular": regular, "begin": begin}).withColumns(
        {"previous": F.lag("begin").over(series), "next": F.lead("begin").over(series)}
    )
    before = F.when(F.col("previous").isNull(), F.lit(None if start is None else micros_of(start)).cast("bigint"))
    after = F.coalesce("next", F.lit(None if end is None else micros_of(end)).cast("bigint"))
    this = F.array(F.struct(begin.alias("start"), F.unix_micros("window_end").alias("end"), F.lit(_BAR).alias("kind")))
    gaps = [_gaps(before - 1, F.col("begin"), named, _BEFORE), this, _gaps(F.col("begin"), after, named, _AFTER)]
    all_rows = rows.withColumn("row", F.explode(F.concat(*gaps)))
    return all_rows.select(*_filled(bars.columns, Fill(fill)), (F.col("row.kind") != _BAR).alias(IS_FILLED))


def is_first_partial(since: datetime | Column) -> Column:
    """Return whether a bar began before its ticks did: the first one of a recording that began within it.

    Args:
        since: When ticks began to come, with its time zone, or a Column of that.

    Raises:
        InvalidInputError: The time has no zone.

    Example:
        >>> from datetime import UTC
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> begin, start, end = (datetime(2026, 1, 5, 15, *clock, tzinfo=UTC) for clock in ((3,), (3, 20), (4,)))
        >>> bars = frame_of(spark, BAR, [{"window_start": begin, "window_end": end}])
        >>> bars.select("symbol", is_first_partial(start).alias("is_first_partial")).collect()
        [Row(symbol='AAPL', is_first_partial=True)]
    """
    at = F.unix_micros(since) if isinstance(since, Column) else F.lit(micros_of(since))
    return (F.unix_micros("window_start") < at) & (at < F.unix_micros("window_end"))


def _filled(columns: Sequence[str], fill: Fill) -> list[Column]:
    kind = F.col("row.kind")
    last = F.when(kind == _AFTER, F.col("close")) if fill is Fill.LAST_CLOSE else F.lit(None)
    values: Mapping[str, Column] = {
        "window_start": F.timestamp_micros("row.start"),
        "window_end": F.timestamp_micros("row.end"),
        "volume": F.lit(None if fill is Fill.NOTHING else 0.0),
        "trade_count": F.lit(0),
        EXTENDED: F.lit(False),
        **dict.fromkeys(_PRICES, last),
    }
    return [
        F.col(name)
        if name in _SERIES
        else F.when(kind == _BAR, F.col(f"`{name}`")).otherwise(values.get(name, F.lit(None))).alias(name)
        for name in columns
    ]


def _gaps(after: Column, before: Column, windows: Sequence[Window], kind: int) -> Column:
    """Return the windows of a bar's series that begin after one instant and before another; none if one is null."""
    none = F.array().cast("array<struct<start:bigint,end:bigint,kind:int>>")
    found = F.lit(None)
    for window in windows:
        if isinstance(window, SessionWindow):
            starts = _session_gaps(after, before, window)
        else:
            starts = _plain_gaps(after, before, window.seconds * MICROSECONDS)
        marked = F.transform(
            starts,
            lambda gap: F.struct(gap["start"].alias("start"), gap["end"].alias("end"), F.lit(kind).alias("kind")),
        )
        mine = (F.col("window") == window.name) & F.col("is_regular") & (before > after)
        found = F.when(mine, marked).otherwise(found)
    return F.coalesce(found, none)


def _plain_gaps(after: Column, before: Column, length: int) -> Column:
    first = after - F.pmod(after, F.lit(length)) + length
    starts = F.when(first < before, F.sequence(first, before - 1, F.lit(length).cast("bigint")))
    return F.transform(
        F.coalesce(starts, F.array().cast("array<bigint>")),
        lambda start: F.struct(start.alias("start"), (start + length).alias("end")),
    )


def _session_gaps(after: Column, before: Column, window: SessionWindow) -> Column:
    table = session_table(window.calendar, window.period)
    slot_micros, origin = table.slot_seconds * MICROSECONDS, table.origin * MICROSECONDS
    slots = [F.call_function("div", time - origin, F.lit(slot_micros)).cast("int") for time in (after, before)]
    patterns, spans = numbers(table.patterns.tolist()), F.split(F.lit(";".join(_spans(table))), ";")

    def of_slot(slot: Column) -> Column:
        span = F.split(F.get(spans, F.get(patterns, slot)), ",")
        begin = F.lit(table.origin).cast("bigint") + slot.cast("bigint") * table.slot_seconds
        return F.transform(F.filter(span, lambda each: each != ""), lambda each: _span(begin, each))

    found = F.flatten(F.transform(F.sequence(*slots), of_slot))
    if window.seconds is not None:
        found = F.flatten(F.transform(found, lambda span: _parts(span, window.seconds or 1)))
    within = F.filter(found, lambda gap: (gap["start"] > after) & (gap["start"] < before))
    refusal = f"found bars that are not within the calendar {window.calendar.name}; expected one that covers them"
    return F.when(within.isNull(), F.raise_error(refusal).cast(_GAPS)).otherwise(within)


_GAPS = "array<struct<start:bigint,end:bigint>>"


def _spans(table: SessionTable) -> list[str]:
    """Return what begins in a slot of each pattern, as texts: begin and end in seconds from the slot's begin."""
    texts = []
    for row in zip(table.starts, table.ends, table.in_session, strict=True):
        spans = {(int(s), int(e)) for s, e, trades in zip(*row, strict=True) if trades and 0 <= s < table.slot_seconds}
        texts.append(",".join(f"{start}:{end}" for start, end in sorted(spans)))
    return texts


def _span(begin: Column, text: Column) -> Column:
    start, end = ((begin + F.get(F.split(text, ":"), F.lit(side)).cast("bigint")) * MICROSECONDS for side in (0, 1))
    return F.struct(start.alias("start"), end.alias("end"))


def _parts(span: Column, seconds: int) -> Column:
    step = seconds * MICROSECONDS
    starts = F.sequence(span["start"], span["end"] - 1, F.lit(step).cast("bigint"))
    return F.transform(
        starts, lambda start: F.struct(start.alias("start"), F.least(start + step, span["end"]).alias("end"))
    )
