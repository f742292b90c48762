"""Volatility over the last bars, from closes or from what prices did within bars."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.transforms.series.returns import price_ratio
from mdstream.transforms.stored_bars import (
    ORDER,
    SERIES,
    check_count,
    check_periods,
    check_stored,
    last_bars,
    over_series,
)

_PRICES = ("open", "high", "low", "close")
_ALPHA = 1.34


class Estimator(StrEnum):
    """How volatility is estimated from bars."""

    CLOSE = "close"
    PARKINSON = "parkinson"
    GARMAN_KLASS = "garman_klass"
    ROGERS_SATCHELL = "rogers_satchell"
    YANG_ZHANG = "yang_zhang"


_TERMS: Mapping[Estimator, Mapping[str, Callable[[str], Column]]] = {
    Estimator.CLOSE: {"since_close": F.var_samp},
    Estimator.PARKINSON: {"parkinson": F.avg},
    Estimator.GARMAN_KLASS: {"garman_klass": F.avg},
    Estimator.ROGERS_SATCHELL: {"rogers_satchell": F.avg},
    Estimator.YANG_ZHANG: {"gap": F.var_samp, "from_open": F.var_samp, "rogers_satchell": F.avg},
}
"""What an estimator needs of each bar, and how it is put together over several."""


def with_volatility(
    bars: DataFrame,
    estimators: Estimator | str | Iterable[Estimator | str] = Estimator.YANG_ZHANG,
    length: int = 20,
    *,
    periods_a_year: float = 1.0,
) -> DataFrame:
    """Add the volatility of the last bars, in columns such as `yang_zhang_20`.

    The formulas are in docs/volatility.md: `close` is the sample deviation of log returns; `parkinson` takes highs and
    lows, `garman_klass` and `rogers_satchell` all four prices, and none of these three what happens between bars;
    `yang_zhang` takes that too.

    Args:
        bars: At least symbol, window, window_start, open, high, low and close, each series whole, in any order.
        estimators: One or several of `Estimator`; several at once are cheaper than one after the other.
        length: How many bars are measured; `close` and `yang_zhang` need one more, and at least 2.
        periods_a_year: What the variance of one bar is multiplied by to annualise it, see `periods_a_year`; else it is
            a volatility of one bar.

    Returns:
        All columns and one for each estimator. Null in the first bars, and where a bar has no prices above 0.

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
        >>> found = bars.transform(with_volatility, "parkinson", 2, periods_a_year=251)  # ln(1.02) * sqrt(251 / 4 ln 2)
        >>> found.select(F.round("parkinson_2", 4).alias("parkinson_2")).collect()
        [Row(parkinson_2=None), Row(parkinson_2=0.1884)]
    """
    kinds = _read(estimators)
    is_of_pairs = not {Estimator.CLOSE, Estimator.YANG_ZHANG}.isdisjoint(kinds)
    check_count("length", length, 2 if is_of_pairs else 1)
    check_periods(periods_a_year)
    names = {kind: f"{kind}_{length}" for kind in kinds}
    terms = dict.fromkeys(name for kind in kinds for name in _TERMS[kind])
    of_bars = {f"term_{name}": _OF_ONE_BAR[name]() for name in terms}
    over = {name: column for kind in kinds for name, column in _put_together(kind, length).items()}
    check_stored(bars, (*SERIES, ORDER, *_PRICES), (*names.values(), *of_bars, *over))
    volatilities = {names[kind]: _volatility(kind, length, periods_a_year) for kind in kinds}
    # Steps of their own, so that what several others need is computed once.
    whole = bars.withColumns(of_bars).withColumns(over).withColumns(volatilities)
    return whole.select(*bars.columns, *names.values())


def _read(given: Estimator | str | Iterable[Estimator | str]) -> list[Estimator]:
    names = [given] if isinstance(given, str) else list(given)
    unknown = [name for name in names if name not in list(Estimator)]
    if unknown or not names:
        found = f"there is no estimator '{unknown[0]}'" if unknown else "found no estimator"
        raise InvalidInputError(f"{found}; expected one of {', '.join(Estimator)}")
    return [Estimator(name) for name in dict.fromkeys(names)]


def _log(price: str) -> Column:
    return F.when(F.col(price) > 0, F.ln(price))


def _since_close(price: str) -> Column:
    return F.ln(price_ratio(F.col(price), F.lag("close").over(over_series())))


def _rogers_satchell() -> Column:
    opened, high, low, close = (_log(price) for price in _PRICES)
    return (high - close) * (high - opened) + (low - close) * (low - opened)


_OF_ONE_BAR: Mapping[str, Callable[[], Column]] = {
    "since_close": lambda: _since_close("close"),
    "parkinson": lambda: (_log("high") - _log("low")) ** 2 / (4 * math.log(2)),
    "garman_klass": lambda: (
        (_log("high") - _log("low")) ** 2 / 2 - (2 * math.log(2) - 1) * (_log("close") - _log("open")) ** 2
    ),
    "rogers_satchell": _rogers_satchell,
    "from_open": lambda: _log("close") - _log("open"),
    "gap": lambda: _since_close("open"),
}
"""What a bar adds to an estimate; null where a price is null or not above 0."""


def _put_together(kind: Estimator, length: int) -> dict[str, Column]:
    bars = last_bars(length)
    are_there = reduce(and_, (F.col(f"term_{name}").isNotNull() for name in _TERMS[kind]))
    over = {f"over_{name}": aggregate(f"term_{name}").over(bars) for name, aggregate in _TERMS[kind].items()}
    return {**over, f"count_{kind}": F.count(F.when(are_there, 1)).over(bars)}


def _volatility(kind: Estimator, length: int, periods_a_year: float) -> Column:
    parts = {name: F.col(f"over_{name}") for name in _TERMS[kind]}
    if kind is Estimator.YANG_ZHANG:
        weight = (_ALPHA - 1) / (_ALPHA + (length + 1) / (length - 1))
        variance = parts["gap"] + weight * parts["from_open"] + (1 - weight) * parts["rogers_satchell"]
    else:
        (variance,) = parts.values()
    # A vendor's bar whose high is not its highest price may have a negative one.
    is_whole = (F.col(f"count_{kind}") == length) & (variance >= 0)
    return F.when(is_whole, F.sqrt(variance * periods_a_year))
