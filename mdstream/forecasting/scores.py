"""Scores of forecasts, next to those that cost nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mdstream.forecasting.features import Matrix
from mdstream.forecasting.samples import Samples
from mdstream.forecasting.statistics import (
    Accuracy,
    Test,
    accuracy,
    diebold_mariano,
    mean_absolute,
    pesaran_timmermann,
    root_mean_square,
)

SIGNIFICANT = 0.05
"""A better forecast may be one by chance with this probability at most."""


@dataclass(frozen=True)
class Scores:
    """How forecasts did in some rows, and how those did that cost nothing.

    Errors are of prices. "Naive" is the last price. What is divided by an error of 0 is None, where the price never
    moved.

    Attributes:
        rows: Forecasts that were held to what happened.
        mae: Mean absolute error.
        naive_mae: That of the last price.
        relative_mae: The one over the other: below 1 is better than the last price.
        rmse: Root of the mean squared error.
        naive_rmse: That of the last price.
        relative_rmse: The one over the other.
        mase: Mean absolute error over that of the last price in the training rows before the first forecast.
        naive_mase: The same of the last price.
        r2: Share of the squared returns that is explained, against a forecast of zero.
        direction: How often the sign of the return was right; rows without a move are not counted.
        always_up: The same of always saying up.
        same_as_last: The same of the last move going on.
        opposite_of_last: The same of the last move turning.
        unmoved: Share of the rows in which the price did not move.
        coverage: Share of the outcomes within the interval.
        interval_width: Mean width of the interval as a share of the last price.
        diebold_mariano: Equal accuracy, of absolute errors; above 0 the model is worse.
        diebold_mariano_squared: The same of squared errors.
        pesaran_timmermann: Directions by chance; above 0 they are foreseen.
    """

    rows: int
    mae: float
    naive_mae: float
    relative_mae: float | None
    rmse: float
    naive_rmse: float
    relative_rmse: float | None
    mase: float | None
    naive_mase: float | None
    r2: float | None
    direction: Accuracy
    always_up: Accuracy
    same_as_last: Accuracy
    opposite_of_last: Accuracy
    unmoved: float
    coverage: float
    interval_width: float
    diebold_mariano: Test
    diebold_mariano_squared: Test
    pesaran_timmermann: Test

    @property
    def beats_naive(self) -> bool:
        """Whether the absolute errors are smaller than the last price's, and not by chance."""
        test = self.diebold_mariano
        if test.statistic is None or test.p_value is None:
            return False
        return test.statistic < 0 and test.p_value / 2 < SIGNIFICANT


@dataclass(frozen=True)
class Outcomes:
    """Forecasts and what happened, row by row.

    Attributes:
        samples: What was known, and what happened.
        forecasts: Low, middle and high log return.
        scale: Mean absolute error of the last price in the rows before all forecasts, of which only training knows.
    """

    samples: Samples
    forecasts: Matrix
    scale: float


def scores_of(outcomes: Outcomes, steps: int) -> Scores:
    """Score forecasts row by row; see `Scores`."""
    samples, forecast = outcomes.samples, outcomes.forecasts[:, 1]
    actual = samples.last_price * np.exp(samples.target)
    error = samples.last_price * np.exp(forecast) - actual
    naive_error = samples.last_price - actual
    mae, naive_mae = mean_absolute(error), mean_absolute(naive_error)
    rmse, naive_rmse = root_mean_square(error), root_mean_square(naive_error)
    squares = float((samples.target**2).sum())
    within = (samples.target >= outcomes.forecasts[:, 0]) & (samples.target <= outcomes.forecasts[:, 2])
    return Scores(
        rows=len(samples),
        mae=mae,
        naive_mae=naive_mae,
        relative_mae=_ratio(mae, naive_mae),
        rmse=rmse,
        naive_rmse=naive_rmse,
        relative_rmse=_ratio(rmse, naive_rmse),
        mase=_ratio(mae, outcomes.scale),
        naive_mase=_ratio(naive_mae, outcomes.scale),
        r2=None if squares == 0 else 1 - float(((samples.target - forecast) ** 2).sum()) / squares,
        direction=accuracy(forecast, samples.target),
        always_up=accuracy(np.ones(len(samples)), samples.target),
        same_as_last=accuracy(samples.last_move, samples.target),
        opposite_of_last=accuracy(-samples.last_move, samples.target),
        unmoved=float((samples.target == 0).mean()),
        coverage=float(within.mean()),
        interval_width=float((np.exp(outcomes.forecasts[:, 2]) - np.exp(outcomes.forecasts[:, 0])).mean()),
        diebold_mariano=diebold_mariano(np.abs(error), np.abs(naive_error), steps),
        diebold_mariano_squared=diebold_mariano(error**2, naive_error**2, steps),
        pesaran_timmermann=pesaran_timmermann(forecast, samples.target, steps),
    )


def _ratio(value: float, of: float) -> float | None:
    return None if of == 0 else value / of
