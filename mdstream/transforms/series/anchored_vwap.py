"""VWAP from an instant on: from a session's open, from an event, from wherever one wants."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as Over
from pyspark.sql import functions as F

from mdstream.schemas.session_windows import Window, parse_window
from mdstream.transforms.instants import micros_of
from mdstream.transforms.session_columns import with_windows
from mdstream.transforms.stored_bars import ORDER, SERIES, bars_so_far, check_stored

_STRETCH = "vwap_stretch"


def with_anchored_vwap(
    bars: DataFrame, anchor: Window | str | datetime | Column, *, name: str = "anchored_vwap"
) -> DataFrame:
    """Add the VWAP of all that was traded from an anchor to the end of each bar.

    Args:
        bars: At least symbol, window, window_start, vwap and volume, each series whole, in any order.
        anchor: Where it begins. A window or its name: anew with each, so `1d@XNYS` is the session's VWAP, of what was
            traded in sessions alone; the bars must lie wholly in one. A time with its zone: once, with the first bar
            that begins then or later. A Column of true and false: anew with each bar where it is true.
        name: The new column, so that a frame may have several.

    Returns:
        All columns and the new one. Null before the anchor, outside of sessions, and until something was traded.

    Raises:
        InvalidInputError: A column is missing, or there already, the anchor is no window or has no time zone, or the
            bars are a stream.

    Example:
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> traded = {30: (100.0, 3.0), 31: (104.0, 1.0)}
        >>> rows = [
        ...     {"window_start": datetime.fromisoformat(f"2026-01-05T14:{minute}Z"), "vwap": vwap, "volume": volume}
        ...     for minute, (vwap, volume) in traded.items()
        ... ]
        >>> frame_of(spark, BAR, rows).transform(with_anchored_vwap, "1d@UTC").select("anchored_vwap").collect()
        [Row(anchored_vwap=100.0), Row(anchored_vwap=101.0)]
    """
    check_stored(bars, (*SERIES, ORDER, "vwap", "volume"), (name, _STRETCH, "placed"))
    stretches = bars.transform(_with_stretch, anchor)
    counted = Over.partitionBy(*SERIES, _STRETCH).orderBy(ORDER).rowsBetween(Over.unboundedPreceding, Over.currentRow)
    notional = F.sum(F.col("vwap") * F.col("volume")).over(counted)
    volume = F.sum(F.when(F.col("vwap").isNotNull(), F.col("volume"))).over(counted)
    vwap = F.when(F.col(_STRETCH).isNotNull() & (volume > 0), notional / volume)
    return stretches.withColumn(name, vwap).select(*bars.columns, name)


def _with_stretch(bars: DataFrame, anchor: Window | str | datetime | Column) -> DataFrame:
    """Add what bars of one VWAP have in common; null where there is none."""
    begin = F.unix_micros(ORDER)
    if isinstance(anchor, datetime):
        return bars.withColumn(_STRETCH, F.when(begin >= micros_of(anchor), F.lit(0)))
    if isinstance(anchor, Column):
        begun = F.sum(F.coalesce(anchor.cast("int"), F.lit(0))).over(bars_so_far())
        return bars.withColumn(_STRETCH, F.when(begun > 0, begun))
    window = parse_window(anchor) if isinstance(anchor, str) else anchor
    placed = bars.transform(with_windows, begin, [window])
    return placed.withColumn(_STRETCH, F.when(~F.col("placed.extended"), F.col("placed.start")))
