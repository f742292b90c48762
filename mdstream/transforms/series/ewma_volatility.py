"""Volatility in which a bar counts the less, the longer ago it was."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from pyspark.sql import DataFrame

from mdstream.errors import InvalidInputError
from mdstream.transforms.stored_bars import ORDER, SERIES, check_periods, check_stored
from mdstream.transforms.whole_series import Arrays, Values, with_computed

EWMA_VOLATILITY = "ewma_volatility"
"""Column of the volatility by exponentially falling weights."""


def with_ewma_volatility(bars: DataFrame, decay: float = 0.94, *, periods_a_year: float = 1.0) -> DataFrame:
    """Add `ewma_volatility`: the root of the mean square of log returns, each weighing `decay` times the next one.

    The bar's own return counts, so the value is RiskMetrics' forecast for the next bar. The weights are divided by
    their sum: no first value has to be chosen, and after a few hundred bars it is what RiskMetrics' recursion gives.

    Python computes here, on Arrow arrays: each value comes from the one before it, which is no expression of Spark's
    window functions.

    Args:
        bars: At least symbol, window, window_start and close, each series whole, in any order.
        decay: By what a weight falls from one return to the one before; RiskMetrics has 0.94 for days and 0.97 for
            months.
        periods_a_year: What the variance of one bar is multiplied by to annualise it, see `periods_a_year`.

    Returns:
        All columns and this one; null in the first bar. A bar without a return, because a close is null or not above 0,
        has the value of the bar before.

    Raises:
        InvalidInputError: The decay is not between 0 and 1, a column is missing or there already, or the bars are a
            stream.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> closes = {5: 100.0, 6: 101.0, 7: 101.0}
        >>> rows = [{"window_start": datetime(2026, 1, day, tzinfo=UTC), "close": closes[day]} for day in closes]
        >>> found = frame_of(spark, BAR, rows).transform(with_ewma_volatility, 0.5).sort("window_start")
        >>> [row.ewma_volatility for row in found.collect()]  # ln(1.01), and its square / 3
        [None, 0.00995033085316..., 0.00574482619...]
    """
    if not 0 < decay < 1:
        raise InvalidInputError(f"found a decay of {decay}; expected one between 0 and 1, e.g. 0.94")
    check_periods(periods_a_year)
    check_stored(bars, (*SERIES, ORDER, "close"), (EWMA_VOLATILITY,))
    return bars.transform(with_computed, ("close",), (EWMA_VOLATILITY,), _computation(decay, periods_a_year))


def _computation(decay: float, periods_a_year: float) -> Callable[[Arrays], Arrays]:
    def compute(bars: Arrays) -> Arrays:
        logs = np.log(np.where(bars["close"] > 0, bars["close"], np.nan))
        squares = np.diff(logs, prepend=np.nan) ** 2
        return {EWMA_VOLATILITY: np.sqrt(_mean_so_far(squares, decay) * periods_a_year)}

    return compute


def _mean_so_far(values: Values, decay: float) -> Values:
    means = np.full(len(values), np.nan)
    total = weights = 0.0
    for place, value in enumerate(values.tolist()):
        if not math.isnan(value):
            total, weights = total * decay + value, weights * decay + 1
        if weights:
            means[place] = total / weights
    return means
