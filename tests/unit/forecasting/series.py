"""Made-up bars whose predictability is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mdstream.config import ForecastSettings
from mdstream.forecasting.samples import ClosedBars
from mdstream.schemas import BarWindow

MINUTE = BarWindow("1min", 60)

QUICK = ForecastSettings(rounds=60, folds=2, threads=1, learning_rate=0.1)
"""Models that are trained in a fraction of a second."""


def bars_of(close: NDArray[np.float64], volume: NDArray[np.float64] | None = None) -> ClosedBars:
    """Bars that follow each other minute by minute."""
    first = np.datetime64("2024-05-06T13:31", "us")
    ends = first + np.arange(len(close)) * np.timedelta64(60, "s")
    return ClosedBars(ends, close, np.full(len(close), 100.0) if volume is None else volume)


def autoregressive(count: int, coefficient: float, seed: int = 7) -> ClosedBars:
    """Prices whose next log return is `coefficient` times the last one, and noise."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, 1e-3, count)
    moves = np.zeros(count)
    for place in range(1, count):
        moves[place] = coefficient * moves[place - 1] + noise[place]
    return bars_of(100 * np.exp(np.cumsum(moves)), random.lognormal(6, 1, count))


def random_walk(count: int, seed: int = 11) -> ClosedBars:
    return autoregressive(count, 0.0, seed)
