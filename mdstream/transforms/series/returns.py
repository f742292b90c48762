"""How much a price has changed since the bar before, and how far it is below its highest."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.transforms.stored_bars import ORDER, SERIES, bars_so_far, check_count, check_stored, over_series

SIMPLE_RETURN, LOG_RETURN = "simple_return", "log_return"
"""Columns of the change of a price since a bar before: as a part of it, and as a difference of logarithms."""


def with_returns(bars: DataFrame, periods: int = 1, *, of: str = "close") -> DataFrame:
    """Add `simple_return` = p / p_before - 1 and `log_return` = ln(p / p_before).

    The bar before is the one before it in its series (symbol, window), however long ago that was: over a night, a
    halt, or a minute without trades. `to_complete_bars` makes gaps into bars.

    Args:
        bars: At least symbol, window, window_start and the price, each series whole, in any order.
        periods: How many bars before.
        of: The price.

    Returns:
        All columns and these two. Null in the first bars, and where a price is null or not above 0: a spread or a power
        price that was zero or less has no return.

    Raises:
        InvalidInputError: A column is missing, or there already, or the bars are a stream.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> days = {datetime(2026, 1, 5, tzinfo=UTC): 100.0, datetime(2026, 1, 6, tzinfo=UTC): 125.0}
        >>> bars = frame_of(spark, BAR, [{"window_start": day, "close": close} for day, close in days.items()])
        >>> bars.transform(with_returns).select("close", "simple_return", F.round("log_return", 4)).collect()
        [Row(close=100.0, simple_return=None, round(log_return, 4)=None), \
Row(close=125.0, simple_return=0.25, round(log_return, 4)=0.2231)]
    """
    check_count("periods", periods)
    check_stored(bars, (*SERIES, ORDER, of), (SIMPLE_RETURN, LOG_RETURN))
    ratio = price_ratio(F.col(of), F.lag(of, periods).over(over_series()))
    return bars.withColumns({SIMPLE_RETURN: ratio - 1, LOG_RETURN: F.ln(ratio)})


def price_ratio(price: Column, before: Column) -> Column:
    """Return how many times the price before a price is; null unless both are above 0."""
    return F.when((price > 0) & (before > 0), price / before)


def with_drawdown(bars: DataFrame, *, of: str = "close") -> DataFrame:
    """Add `drawdown`, how far the price is below its highest so far, and `max_drawdown`, the deepest so far.

    Both are parts of that highest price, zero or negative: -0.25 is a quarter below it.

    Args:
        bars: At least symbol, window, window_start and the price, each series whole, in any order. Prices across a
            split or dividend are to be adjusted first (`with_adjusted_prices`).
        of: The price.

    Returns:
        All columns and these two; null where the price is null, or no price was above 0 so far.

    Raises:
        InvalidInputError: A column is missing, or there already, or the bars are a stream.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> closes = {5: 80.0, 6: 60.0, 7: 100.0}
        >>> rows = [{"window_start": datetime(2026, 1, day, tzinfo=UTC), "close": closes[day]} for day in closes]
        >>> frame_of(spark, BAR, rows).transform(with_drawdown).select("close", "drawdown", "max_drawdown").collect()
        [Row(close=80.0, drawdown=0.0, max_drawdown=0.0), Row(close=60.0, drawdown=-0.25, max_drawdown=-0.25), \
Row(close=100.0, drawdown=0.0, max_drawdown=-0.25)]
    """
    check_stored(bars, (*SERIES, ORDER, of), ("drawdown", "max_drawdown"))
    highest = F.max(of).over(bars_so_far())
    depth = bars.withColumn("drawdown", F.when(highest > 0, F.col(of) / highest - 1))
    return depth.withColumn("max_drawdown", F.min("drawdown").over(bars_so_far()))
