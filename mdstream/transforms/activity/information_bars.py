"""Bars that end when buyers or sellers are more eager than expected."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.transforms.activity.bars_of_parts import (
    IS_COMPLETE,
    Measure,
    amount_of,
    ordered_trades,
    read_measure,
    to_numbered_bars,
)
from mdstream.transforms.activity.expectations import Ends, Expectation, ends_of_imbalances, ends_of_runs, tick_signs
from mdstream.transforms.required_columns import require_columns
from mdstream.transforms.stored_bars import check_count
from mdstream.transforms.whole_series import Arrays, Values, with_computed

THRESHOLD = "threshold"
"""Column of what a bar was to reach."""

_KNOWN_SIGN, _AMOUNT = "known_sign", "amount"
_Rule = Callable[[Values, Expectation], Ends]


def to_imbalance_bars(
    ticks: DataFrame,
    measure: Measure | str,
    first_ticks: int,
    *,
    bars_back: int = 3,
    ticks_back: int = 10_000,
    bounds: tuple[float, float] = (1, math.inf),
    sign: str | None = None,
) -> DataFrame:
    """Aggregate stored ticks to bars that end when bought minus sold is further from 0 than expected.

    López de Prado, *Advances in Financial Machine Learning* (2018), 2.3.2.1 and 2.3.2.2: with b = 1 for a trade above
    the price before, -1 below it and the b before at the same, and v its size, its price x size or 1, a bar ends with
    the first trade at which |sum of b v| >= E[T] |E[b v]|. E[T] is the mean number of trades of the last `bars_back`
    bars, E[b v] the mean of the last `ticks_back` trades, both by exponentially falling weights.

    The book leaves the first bar open. Here E[T] is `first_ticks` for it, E[b v] is made of the first so many trades,
    and no bar ends before them; they are in the first bar.

    Python computes here, on Arrow arrays of a symbol's trades, which must fit into a worker's memory: each bar decides
    what the next one has to reach.

    Args:
        ticks: As `to_bars` takes them, in any order. All that were not cancelled count.
        measure: What v is: `tick` (1), `volume` (the size) or `dollar` (price x size).
        first_ticks: Trades expected in the first bar.
        bars_back: Bars that E[T] looks back on.
        ticks_back: Trades that E[b v] looks back on.
        bounds: Between what E[T] is kept. Without bounds it may run away: a long bar makes the next threshold higher,
            and that bar longer.
        sign: A column that knows b better than the tick rule, such as that of `with_trade_sign`: above 0 for a buy,
            below 0 for a sale; where it is 0 or null, the tick rule says.

    Returns:
        As `to_activity_bars` does, and `threshold`, what the bar was to reach: null of a symbol with too few trades. A
        trade is whole in its bar; what it is over counts for no other.

    Raises:
        InvalidInputError: There is no such measure, a number is too small, the bounds are no span, a column is missing
            or of another type, or the ticks are a stream. A trade that cannot be used fails the query.

    Example:
        >>> from mdstream.schemas import TICK
        >>> from mdstream.testing import frame_of
        >>> prices = [10.0, 11.0, 12.0, 13.0, 14.0, 15.0]
        >>> ticks = frame_of(spark, TICK, [{"sequence": n, "price": price} for n, price in enumerate(prices)])
        >>> bars = ticks.transform(to_imbalance_bars, "tick", 3).sort("bar_number")
        >>> bars.select("window", "open", "close", "trade_count", "threshold", "is_complete").collect()
        [Row(window='3tick_imbalance', open=10.0, close=13.0, trade_count=4, threshold=2.5714..., is_complete=True), \
Row(window='3tick_imbalance', open=14.0, close=15.0, trade_count=2, threshold=3.6029..., is_complete=False)]
    """
    return _information_bars(
        ticks, "imbalance", measure, Expectation(first_ticks, bars_back, ticks_back, *bounds), sign
    )


def to_run_bars(
    ticks: DataFrame,
    measure: Measure | str,
    first_ticks: int,
    *,
    bars_back: int = 3,
    ticks_back: int = 10_000,
    bounds: tuple[float, float] = (1, math.inf),
    sign: str | None = None,
) -> DataFrame:
    """Aggregate stored ticks to bars that end when either side has traded more than expected.

    López de Prado, 2.3.2.3 and 2.3.2.4: with b and v as of `to_imbalance_bars`, a bar ends with the first trade where
    max(sum of v bought, sum of v sold) >= E[T] max(P E[v bought], (1 - P) E[v sold]). P is the mean share of trades
    that were buys in the last `bars_back` bars, E[v bought] the mean of the last `ticks_back` buys.

    The book leaves the first bar open. Here E[T] is `first_ticks` for it, all else is made of the first trades, until
    there are so many of each side, and no bar ends before them.

    Args:
        ticks: As for `to_imbalance_bars`, and so are the others.
        measure: What v is.
        first_ticks: Trades expected in the first bar.
        bars_back: Bars that E[T] and P look back on.
        ticks_back: Buys, and sells, that the others look back on.
        bounds: Between what E[T] is kept.
        sign: A column of b.

    Returns:
        As `to_imbalance_bars` does.

    Raises:
        InvalidInputError: As `to_imbalance_bars` does.

    Example:
        >>> from mdstream.schemas import TICK
        >>> from mdstream.testing import frame_of
        >>> prices = [10.0, 11.0, 10.0, 11.0, 12.0, 13.0]
        >>> ticks = frame_of(spark, TICK, [{"sequence": n, "price": price} for n, price in enumerate(prices)])
        >>> bars = ticks.transform(to_run_bars, "tick", 1).sort("bar_number")
        >>> bars.select("window", "close", "trade_count", "is_complete").collect()
        [Row(window='1tick_runs', close=10.0, trade_count=3, is_complete=True), \
Row(window='1tick_runs', close=12.0, trade_count=2, is_complete=True), \
Row(window='1tick_runs', close=13.0, trade_count=1, is_complete=False)]
    """
    return _information_bars(ticks, "runs", measure, Expectation(first_ticks, bars_back, ticks_back, *bounds), sign)


def _information_bars(
    ticks: DataFrame, rule: str, measure: Measure | str, expected: Expectation, sign: str | None
) -> DataFrame:
    kind = read_measure(measure)
    for name in ("first_ticks", "bars_back", "ticks_back"):
        check_count(name, getattr(expected, name))
    if not 0 < expected.least <= expected.most:
        raise InvalidInputError(f"found the bounds {expected.least} and {expected.most}; expected two numbers above 0")
    compute = _computation({"imbalance": ends_of_imbalances, "runs": ends_of_runs}[rule], expected)
    require_columns(ticks, "ticks", [] if sign is None else [sign])
    known = F.lit(None) if sign is None else F.col(sign)
    trades = ordered_trades(ticks, f"to_{rule.removesuffix('s')}_bars", known.cast("double").alias(_KNOWN_SIGN))
    trades = trades.withColumn(_AMOUNT, amount_of(kind).cast("double"))
    parts = trades.transform(
        with_computed,
        ("price", _AMOUNT, _KNOWN_SIGN),
        ("part", THRESHOLD, IS_COMPLETE),
        compute,
        series=("symbol",),
        order="place",
    )
    typed = parts.withColumns({"part": F.col("part").cast("bigint"), IS_COMPLETE: F.col(IS_COMPLETE) > 0})
    return typed.transform(to_numbered_bars, f"{expected.first_ticks}{kind}_{rule}", ("part",), (THRESHOLD,))


def _computation(rule: _Rule, expected: Expectation) -> Callable[[Arrays], Arrays]:
    def compute(trades: Arrays) -> Arrays:
        price, amounts = trades["price"], trades[_AMOUNT]
        known = np.nan_to_num(np.sign(trades[_KNOWN_SIGN]))
        ends = rule(np.where(known, known, tick_signs(price)) * amounts, expected)
        # A bar's last trade is in it.
        part = np.searchsorted(np.array(ends.last, np.int64), np.arange(len(price)), "left")
        return {
            "part": part.astype(np.float64),
            THRESHOLD: np.array(ends.thresholds)[part],
            IS_COMPLETE: (part < len(ends.last)).astype(np.float64),
        }

    return compute
