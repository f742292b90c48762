"""Where bars of imbalances and runs end: the rules of López de Prado, on arrays of one symbol's trades."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Reached = Callable[[int, int, float], int | None]

_FIRST_STRETCH = 256
_AS_GOOD_AS = 1 - 1e-12
"""What is as far as asked for but for rounding has come so far: sums of ticks often meet their threshold."""


@dataclass(frozen=True)
class Expectation:
    """How what is expected of a bar is learnt.

    Attributes:
        first_ticks: Trades expected in the first bar, and of which the first expectation is made.
        bars_back: Bars over which the expected number of trades is averaged, by falling weights.
        ticks_back: Trades over which what one of them adds is averaged, by falling weights.
        least: The smallest number of trades that may be expected.
        most: The greatest.
    """

    first_ticks: int
    bars_back: int
    ticks_back: int
    least: float
    most: float

    def of_lengths(self, lengths: list[int]) -> float:
        """Return how many trades the next bar is expected to have."""
        return min(
            max(mean_of_last(np.array(lengths[-self.bars_back :], float), self.bars_back), self.least), self.most
        )


@dataclass(frozen=True)
class Ends:
    """Where bars end.

    Attributes:
        last: Place of each complete bar's last trade.
        thresholds: What each bar was to reach; that of the last, incomplete one too: not a number while nothing is
            expected yet.
    """

    last: list[int]
    thresholds: list[float]


@lru_cache(maxsize=256)
def _weights(count: int, span: int) -> Values:
    weights = (1 - 2 / (span + 1)) ** np.arange(count - 1, -1, -1, dtype=np.float64)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def mean_of_last(values: Values, span: int) -> float:
    """Return the mean by weights that fall by 1 - 2 / (span + 1) from each value to the one before.

    Example:
        >>> mean_of_last(np.array([1.0, 4.0]), 3)  # weights 1/3 and 2/3
        3.0
    """
    return float(values @ _weights(len(values), span))


def tick_signs(prices: Values) -> Values:
    """Return 1 for a price above the one before, -1 below, and the sign before if they are equal; first of all 0.

    Example:
        >>> tick_signs(np.array([5.0, 5.0, 6.0, 6.0, 4.0])).tolist()
        [0.0, 0.0, 1.0, 1.0, -1.0]
    """
    signs = np.sign(np.diff(prices, prepend=prices[:1]))
    known = np.maximum.accumulate(np.where(signs != 0, np.arange(len(signs)), 0))
    return np.asarray(signs[known], dtype=np.float64)


def ends_of_imbalances(signed: Values, expected: Expectation) -> Ends:
    """Return where |sum of signed amounts| reaches E[trades] x |E[signed amount]|.

    Example:
        >>> ends_of_imbalances(np.array([1.0, 1.0, 1.0, 1.0, 1.0]), Expectation(2, 3, 100, 0, 1e9)).last
        [1, 3]
    """
    first, ends = expected.first_ticks, Ends([], [])
    if len(signed) < first:
        return Ends([], [math.nan])
    ticks, mean = float(first), _recent_mean(signed, first, expected.ticks_back)
    start, lengths = 0, list[int]()
    while True:
        ends.thresholds.append(ticks * abs(mean))
        last = _first_reach(signed, start, max(start, first - 1), ends.thresholds[-1])
        if last is None:
            return ends
        ends.last.append(last)
        lengths.append(last + 1 - start)
        ticks, mean = expected.of_lengths(lengths), _recent_mean(signed, last + 1, expected.ticks_back)
        start = last + 1


def ends_of_runs(signed: Values, expected: Expectation) -> Ends:
    """Return where the greater of bought and sold reaches E[trades] x max(P[buy] E[bought], P[sell] E[sold]).

    Example:
        >>> ends_of_runs(np.array([1.0, -1.0, 1.0, -1.0, 1.0, 1.0, 1.0]), Expectation(2, 3, 100, 0, 1e9)).last
        [3, 5]
    """
    bought, sold = np.where(signed > 0, signed, 0.0), np.where(signed < 0, -signed, 0.0)
    buys, sells = np.flatnonzero(signed > 0), np.flatnonzero(signed < 0)
    first = expected.first_ticks
    if min(len(buys), len(sells)) < first:
        return Ends([], [math.nan])
    begin = int(max(buys[first - 1], sells[first - 1]))
    share = float((buys <= begin).sum()) / (begin + 1)
    ends, ticks, start, until = Ends([], []), float(first), 0, begin + 1
    lengths, shares = list[int](), list[float]()
    while True:
        of_buys, of_sells = (
            _recent_mean(amounts[places[: np.searchsorted(places, until)]], None, expected.ticks_back)
            for amounts, places in ((bought, buys), (sold, sells))
        )
        ends.thresholds.append(ticks * max(share * of_buys, (1 - share) * of_sells))
        reached = [_first_reach(amounts, start, max(start, begin), ends.thresholds[-1]) for amounts in (bought, sold)]
        found = [place for place in reached if place is not None]
        if not found:
            return ends
        until = min(found) + 1
        ends.last.append(until - 1)
        lengths.append(until - start)
        shares.append(float((signed[start:until] > 0).mean()))
        ticks = expected.of_lengths(lengths)
        share = mean_of_last(np.array(shares[-expected.bars_back :]), expected.bars_back)
        start = until


def _recent_mean(values: Values, until: int | None, back: int) -> float:
    known = values[:until][-back:]
    return mean_of_last(known, len(known))


def _first_reach(amounts: Values, start: int, earliest: int, threshold: float) -> int | None:
    """Return the first place from `earliest` on at which the sum since `start` is as far from 0 as asked for."""
    total, place, stretch = 0.0, start, _FIRST_STRETCH
    while place < len(amounts):
        sums = amounts[place : place + stretch].copy()
        sums[0] += total
        np.cumsum(sums, out=sums)
        reached = np.abs(sums) >= threshold * _AS_GOOD_AS
        reached[: max(earliest - place, 0)] = False
        if reached.any():
            return place + int(reached.argmax())
        total, place, stretch = float(sums[-1]), place + stretch, 2 * stretch
    return None
