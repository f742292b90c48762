"""Bars of so many trades, units or dollars."""

from __future__ import annotations

from enum import StrEnum

from pyspark.sql import Column, DataFrame
from pyspark.sql import Window as Over
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas.session_windows import Window, parse_window
from mdstream.transforms.activity.bars_of_parts import (
    AMOUNT,
    IS_COMPLETE,
    Measure,
    amount_of,
    ordered_trades,
    read_measure,
    to_numbered_bars,
)
from mdstream.transforms.session_columns import with_windows

_LEAST, _MOST = 1e-10, 1e14
_PART = "decimal(10,0)"


class Crossing(StrEnum):
    """What becomes of a trade that is more than its bar still wants."""

    CARRY = "carry"
    CUT = "cut"


def to_activity_bars(
    ticks: DataFrame,
    measure: Measure | str,
    threshold: float,
    *,
    crossing: Crossing | str = Crossing.CARRY,
    within: Window | str | None = None,
) -> DataFrame:
    """Aggregate stored ticks to bars of `threshold` trades, units or dollars each.

    Built-in columns alone: a running sum of decimals, exact to 1e-10, says in which bar a trade is.

    Args:
        ticks: As `to_bars` takes them, in any order. All that were not cancelled count; which trades are to count is
            said before, by a filter.
        measure: `tick`, `volume` (sizes) or `dollar` (price x size, in whatever currency).
        threshold: How much a bar has.
        crossing: What becomes of a trade that is more than its bar still wants. `carry` leaves it whole in the bar that
            it completes, and what it is over counts towards the next, which is complete the sooner; no bar follows for
            each further threshold that one trade passes. `cut` parts it: each bar has exactly the threshold, and the
            trade counts in each bar that has a part of it.
        within: A window, e.g. `1d@XNYS`: bars begin anew with each, and what is traded outside of sessions is left out.

    Returns:
        Columns of BAR, `bar_number` (in its symbol, from 1 on) and `is_complete`, which the last bar, or the last
        `within` each window, may not be. `window` is e.g. `1000ticks`; window_start and window_end are the times of
        the first and the last trade, so that two bars may have the same: `bar_number` tells them apart.

    Raises:
        InvalidInputError: There is no such measure, crossing or window, the threshold is not above 0 (a whole number of
            trades), a column is missing or of another type, or the ticks are a stream. A trade that cannot be used
            fails the query.

    Example:
        >>> from mdstream.schemas import TICK
        >>> from mdstream.testing import frame_of
        >>> ticks = frame_of(spark, TICK, [{"sequence": n, "price": 10.0 + n, "size": 3.0} for n in range(3)])
        >>> bars = ticks.transform(to_activity_bars, "volume", 4, crossing="cut").sort("bar_number")
        >>> bars.select("window", "open", "close", "volume", "is_complete").collect()
        [Row(window='4units', open=10.0, close=11.0, volume=4.0, is_complete=True), \
Row(window='4units', open=11.0, close=12.0, volume=4.0, is_complete=True), \
Row(window='4units', open=12.0, close=12.0, volume=1.0, is_complete=False)]
    """
    kind = read_measure(measure)
    if crossing not in list(Crossing):
        raise InvalidInputError(f"there is no crossing '{crossing}'; expected one of {', '.join(Crossing)}")
    name = name_of_bars(kind, threshold)
    trades = ordered_trades(ticks, "to_activity_bars").transform(with_stretch, within)
    so_far = Over.partitionBy("symbol", "stretch").orderBy("place").rowsBetween(Over.unboundedPreceding, 0)
    amount = trades.withColumn("amount", amount_of(kind).cast(AMOUNT))
    counted = amount.withColumn("after", F.sum("amount").over(so_far))
    whole = F.lit(repr(float(threshold))).cast(AMOUNT)
    parts = counted.transform(_in_parts if crossing == Crossing.CUT else _in_bars, whole)
    return parts.transform(to_numbered_bars, name, ("stretch", "part"))


def name_of_bars(measure: Measure, threshold: float) -> str:
    """Return what bars of so much are called.

    Raises:
        InvalidInputError: The threshold is not above 0, or no whole number of trades.
    """
    if not _LEAST <= threshold <= _MOST or (measure is Measure.TICK and threshold != int(threshold)):
        expected = "a whole number of trades" if measure is Measure.TICK else f"a number above 0, of {measure.unit}"
        raise InvalidInputError(f"found the threshold {threshold}; expected {expected}")
    return f"{int(threshold) if threshold == int(threshold) else threshold}{measure.unit}"


def with_stretch(trades: DataFrame, within: Window | str | None) -> DataFrame:
    """Add what trades have in common that may be in one bar."""
    if within is None:
        return trades.withColumn("stretch", F.lit(0))
    window = parse_window(within) if isinstance(within, str) else within
    placed = trades.transform(with_windows, F.unix_micros("event_time"), [window])
    return placed.where(~F.col("placed.extended")).withColumn("stretch", F.col("placed.start"))


def _div(value: Column, by: Column) -> Column:
    return F.call_function("div", value, by)


def _in_bars(counted: DataFrame, threshold: Column) -> DataFrame:
    """Give each trade the bar that it begins in."""
    part = _div(F.col("after") - F.col("amount"), threshold)
    return counted.withColumn("part", part).withColumn(IS_COMPLETE, _is_complete(threshold))


def _in_parts(counted: DataFrame, threshold: Column) -> DataFrame:
    """Cut each trade where a bar ends."""
    after, before = F.col("after"), F.col("after") - F.col("amount")
    first = _div(before, threshold)
    # A trade that completes a bar has no part of the next; one without size is where it is.
    passed = _div(after, threshold)
    last = F.greatest(first, F.when(_multiple(passed, threshold) == after, passed - 1).otherwise(passed))
    cut = counted.withColumn("part", F.explode(F.sequence(first, last)))
    begin = _multiple(F.col("part"), threshold)
    share = F.least(after, begin + threshold) - F.greatest(before, begin)
    size = F.when(share == F.col("amount"), F.col("size")).otherwise(F.col("size") * share / F.col("amount"))
    return cut.withColumn("size", size.cast("double")).withColumn(IS_COMPLETE, _is_complete(threshold))


def _is_complete(threshold: Column) -> Column:
    return F.col("after") >= _multiple(F.col("part") + 1, threshold)


def _multiple(count: Column, threshold: Column) -> Column:
    # Of a precision that leaves room for all digits of the product.
    return count.cast(_PART) * threshold
