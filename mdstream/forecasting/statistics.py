"""How good forecasts are, next to those that cost nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdstream.errors import MissingDependencyError
from mdstream.indicators.values import Values

_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Test:
    """A statistical test.

    Attributes:
        statistic: Its value; None if the data do not define it.
        p_value: Probability of such a value if the null hypothesis holds; None likewise.
    """

    __test__ = False

    statistic: float | None
    p_value: float | None


@dataclass(frozen=True)
class Accuracy:
    """How often a direction was right, of the rows in which the price moved and a direction was named.

    Attributes:
        right: Share that was right; None without any row.
        lower: Lower end of its 95 % interval (Wilson).
        upper: Upper end.
        rows: How many rows were counted.
    """

    right: float | None
    lower: float | None
    upper: float | None
    rows: int


def _stats() -> Any:  # noqa: ANN401 - a module
    # Forecasts are made without it, and it takes half a second to load.
    try:
        from scipy import stats
    except ImportError as exc:
        raise MissingDependencyError.for_extra("scipy", "forecasting") from exc
    return stats


def accuracy(called: Values, moved: Values) -> Accuracy:
    """Count how often the sign of `called` is that of `moved`; rows in which either is 0 are not counted."""
    counted = (called != 0) & (moved != 0)
    rows = int(counted.sum())
    if not rows:
        return Accuracy(None, None, None, 0)
    right = int((np.sign(called[counted]) == np.sign(moved[counted])).sum())
    interval = _stats().binomtest(right, rows).proportion_ci(_CONFIDENCE, method="wilson")
    return Accuracy(right / rows, float(interval.low), float(interval.high), rows)


def diebold_mariano(losses: Values, naive_losses: Values, steps: int) -> Test:
    """Test whether two forecasts are equally accurate.

    The variance is that of Newey and West with `steps - 1` lags, as forecasts over several steps overlap; the statistic
    has the correction of Harvey, Leybourne and Newbold and is held to Student's t.

    Args:
        losses: Loss of the forecast in each row.
        naive_losses: Loss of what it is compared with, in the same rows.
        steps: Length of the horizon in rows.

    Returns:
        The statistic, above 0 if the forecast is worse, and the two-sided p-value.
    """
    difference = losses - naive_losses
    rows = len(difference)
    if rows <= steps:
        return Test(None, None)
    centred = difference - difference.mean()
    variance = float(centred @ centred) / rows
    for lag in range(1, steps):
        variance += 2 * (1 - lag / steps) * float(centred[lag:] @ centred[:-lag]) / rows
    if variance <= 0:
        return Test(None, None)
    correction = math.sqrt((rows + 1 - 2 * steps + steps * (steps - 1) / rows) / rows)
    statistic = correction * float(difference.mean()) / math.sqrt(variance / rows)
    return Test(statistic, float(2 * _stats().t.sf(abs(statistic), rows - 1)))


def pesaran_timmermann(called: Values, moved: Values, steps: int) -> Test:
    """Test whether directions are foreseen, against calls that have nothing to do with what happens.

    The test takes rows as independent, so of overlapping ones every `steps`th is used; rows in which a sign is 0 are
    not counted.

    Returns:
        The statistic, above 0 if directions are foreseen, and the one-sided p-value; none if all calls, or all moves,
        have one sign.
    """
    called, moved = called[::steps], moved[::steps]
    counted = (called != 0) & (moved != 0)
    up_called, up = called[counted] > 0, moved[counted] > 0
    rows = len(up)
    if not rows or up.all() or not up.any() or up_called.all() or not up_called.any():
        return Test(None, None)
    right, x, y = (up_called == up).mean(), up_called.mean(), up.mean()
    by_chance = y * x + (1 - y) * (1 - x)
    of_right = by_chance * (1 - by_chance) / rows
    of_chance = ((2 * y - 1) ** 2 * x * (1 - x) + (2 * x - 1) ** 2 * y * (1 - y)) / rows
    of_chance += 4 * y * x * (1 - y) * (1 - x) / rows**2
    if of_right <= of_chance:
        return Test(None, None)
    statistic = float((right - by_chance) / math.sqrt(of_right - of_chance))
    return Test(statistic, float(_stats().norm.sf(statistic)))


def mean_absolute(values: Values) -> float:
    """Return the mean of the magnitudes."""
    return float(np.abs(values).mean())


def root_mean_square(values: NDArray[np.float64]) -> float:
    """Return the root of the mean of the squares."""
    return float(np.sqrt((values**2).mean()))
