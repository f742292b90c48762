"""Volatility over the last bars, from closes or from what prices did within bars."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.transforms.series.returns import price_ratio
from mdstream.transforms.stored_bars import ORDER, SERIES, check_count, check_stored, last_bars, over_series

_PRICES = ("open", "high", "low", "close")
_MOVES = ("volatility_in_bar", "volatility_from_open", "volatility_of_gap", "volatility_of_close")
_ALPHA = 1.34


class Estimator(StrEnum):
    """How volatility is estimated from bars."""

    CLOSE = "close"
    PARKINSON = "parkinson"
    GARMAN_KLASS = "garman_klass"
    ROGERS_SATCHELL = "rogers_satchell"
    YANG_ZHANG = "yang_zhang"


def with_volatility(
    bars: DataFrame,
    estimator: Estimator | str = Estimator.YANG_ZHANG,
    length: int = 20,
    *,
    periods_a_year: float = 1.0,
) -> DataFrame:
    """Add the volatility of the last bars, in a column such as `yang_zhang_20`.

    The formulas are in docs/volatility.md: `close` is the sample deviation of log returns; `parkinson` takes highs and
    lows, `garman_klass` and `rogers_satchell` all four prices, and none of these three what happens between bars;
    `yang_zhang` takes that too.

    Args:
        bars: At least symbol, window, window_start, open, high, low and close, each series whole, in any order.
        estimator: One of `Estimator`.
        length: How many bars are measured; `close` and `yang_zhang` need one more, and at least 2.
        periods_a_year: What the variance of one bar is multiplied by to annualise it, see `periods_a_year`; else it is
            a volatility of one bar.

    Returns:
        All columns and the new one. Null in the first bars, and where one of the bars has no prices, or none above 0.

    Raises:
        InvalidInputError: There is no such estimator, the length is too small, a column is missing or there already, or
            the bars are a stream.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> days = [datetime(2026, 1, day, tzinfo=UTC) for day in (5, 6)]
        >>> prices = {"open": 101.0, "high": 102.0, "low": 100.0, "close": 101.0}
        >>> bars = frame_of(spark, BAR, [{"window": "1d@XNYS", "window_start": day, **prices} for day in days])
        >>> bars.transform(with_volatility, "parkinson", 2, periods_a_year=251).select("parkinson_2").collect()
        [Row(parkinson_2=None), Row(parkinson_2=0.18841454174213...)]
    """
    if estimator not in list(Estimator):
        raise InvalidInputError(f"there is no estimator '{estimator}'; expected one of {', '.join(Estimator)}")
    kind = Estimator(estimator)
    check_count("length", length, 2 if kind in {Estimator.CLOSE, Estimator.YANG_ZHANG} else 1)
    if not 0 < periods_a_year < math.inf:
        raise InvalidInputError(f"found {periods_a_year} periods a year; expected a number above 0")
    name = f"{kind}_{length}"
    check_stored(bars, (*SERIES, ORDER, *_PRICES), (name, *_MOVES))
    variance = _variance(kind, length) * periods_a_year
    # A vendor's bar whose high is not its highest price may have a negative one.
    volatility = F.when(variance >= 0, F.sqrt(variance))
    return bars.withColumns(_moves()).withColumn(name, volatility).select(*bars.columns, name)


def _moves() -> dict[str, Column]:
    """Return what each bar adds: the terms of Garman-Klass's kind, moves from the open, over the gap, since a close."""
    opened, high, low, close = (F.when(F.col(name) > 0, F.ln(name)) for name in _PRICES)
    before = F.lag("close").over(over_series())
    in_bar = F.struct(
        ((high - low) ** 2 / (4 * math.log(2))).alias(Estimator.PARKINSON),
        ((high - low) ** 2 / 2 - (2 * math.log(2) - 1) * (close - opened) ** 2).alias(Estimator.GARMAN_KLASS),
        ((high - close) * (high - opened) + (low - close) * (low - opened)).alias(Estimator.ROGERS_SATCHELL),
    )
    moves = [
        in_bar,
        close - opened,
        F.ln(price_ratio(F.col("open"), before)),
        F.ln(price_ratio(F.col("close"), before)),
    ]
    return dict(zip(_MOVES, moves, strict=True))


def _variance(estimator: Estimator, length: int) -> Column:
    in_bar, from_open, gap, since_close = _MOVES
    if estimator is Estimator.CLOSE:
        return _of_all(F.var_samp, since_close, length)
    if estimator is not Estimator.YANG_ZHANG:
        return _of_all(F.avg, f"{in_bar}.{estimator}", length)
    weight = (_ALPHA - 1) / (_ALPHA + (length + 1) / (length - 1))
    rogers_satchell = _of_all(F.avg, f"{in_bar}.{Estimator.ROGERS_SATCHELL}", length)
    over_gaps, from_opens = (_of_all(F.var_samp, name, length) for name in (gap, from_open))
    return over_gaps + weight * from_opens + (1 - weight) * rogers_satchell


def _of_all(aggregate: Callable[[str], Column], name: str, length: int) -> Column:
    """Aggregate the last values; null unless all are there."""
    bars = last_bars(length)
    return F.when(F.count(name).over(bars) == length, aggregate(name).over(bars))
