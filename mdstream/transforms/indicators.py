"""Indicators of bars, in batch."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame

from mdstream.indicators import RULE_FIELDS, Indicator, IndicatorsLike, indicator_values, read_indicators, rule_values
from mdstream.indicators.catalogue import BAR_SERIES
from mdstream.transforms.stored_bars import ORDER, SERIES, check_stored
from mdstream.transforms.whole_series import Arrays, with_computed


def with_indicators(bars: DataFrame, indicators: IndicatorsLike) -> DataFrame:
    """Add the columns of the indicators and those of `RULE_FIELDS` to stored bars.

    Each (symbol, window) is one series, computed from its first bar to its last; null where there is no value.

    Only for frames that are complete. Of a stream it would compute each micro-batch as if history began with it, so it
    refuses one; the stream has its own way, with the history as state.

    Python computes here, on Arrow arrays without pandas in between: TA-Lib is C behind Python, and its recursive
    averages, which take each value from the one before it, are not expressions of Spark's window functions. The
    price is that one series must fit into a worker's memory, and that a filter on the result is not pushed below it.

    Args:
        bars: Rows with at least symbol, window, window_start, open, high, low, close and volume, one a key, in any
            order. Other columns stay.
        indicators: What to compute: text such as `rsi(14)`, a list of it, the configuration's mapping, or what
            `parse_indicators` made of that.

    Raises:
        InvalidInputError: A column is missing, or there already, or the frame is a stream.
        ConfigError: There is no such indicator.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> minutes = [datetime(2026, 1, 5, 14, minute, tzinfo=UTC) for minute in (30, 31)]
        >>> bars = frame_of(spark, BAR, [{"window_start": start, "close": start.minute} for start in minutes])
        >>> bars.transform(with_indicators, ["sma(2)"]).select("close", "sma_2").sort("close").collect()
        [Row(close=30.0, sma_2=None), Row(close=31.0, sma_2=30.5)]
    """
    computed = read_indicators(indicators)
    new = [*(column for indicator in computed for column in indicator.columns), *(f.name for f in RULE_FIELDS)]
    check_stored(bars, (*SERIES, ORDER, *BAR_SERIES), new)
    return bars.transform(with_computed, BAR_SERIES, new, _computation(computed))


def _computation(indicators: tuple[Indicator, ...]) -> Callable[[Arrays], Arrays]:
    def compute(bars: Arrays) -> Arrays:
        return {**indicator_values(indicators, bars), **rule_values(bars)}

    return compute
