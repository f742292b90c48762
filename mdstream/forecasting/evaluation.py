"""Forecasts held to what happened, walking forward: trained on the past alone, next to the last price."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from mdstream.errors import InvalidInputError
from mdstream.forecasting.features import Matrix
from mdstream.forecasting.samples import Samples, as_datetime
from mdstream.forecasting.scores import Outcomes, Scores, scores_of
from mdstream.forecasting.statistics import mean_absolute
from mdstream.indicators.values import Values

Forecaster = Callable[[Matrix], Matrix]
"""Gives the low, middle and high log return of each row of features."""

Fit = Callable[[Matrix, Values], Forecaster]
"""Trains a forecaster on features and log returns."""

_TEST_SHARE = 0.5
_FEWEST_ROWS = 50
"""Fewer rows in a fold, or before the first, tell nothing."""


@dataclass(frozen=True)
class Fold:
    """One refit and the rows after it.

    Attributes:
        trained_rows: Rows that it was trained on.
        trained_until: When the last of their outcomes was known.
        start: End of the bar of the first row that was forecast.
        end: End of the bar of the last.
        scores: How it did.
    """

    trained_rows: int
    trained_until: datetime
    start: datetime
    end: datetime
    scores: Scores


@dataclass(frozen=True)
class Evaluation:
    """A walk forward.

    Attributes:
        scores: Over all folds.
        folds: One a refit.
        outcomes: All rows.
    """

    scores: Scores
    folds: tuple[Fold, ...]
    outcomes: Outcomes

    def as_json(self) -> dict[str, Any]:
        """Return all numbers, as JSON can hold them."""
        return {
            "beats_naive": self.scores.beats_naive,
            "scores": asdict(self.scores),
            "folds": [
                asdict(fold) | {name: getattr(fold, name).isoformat() for name in ("trained_until", "start", "end")}
                for fold in self.folds
            ],
        }


def walk_forward(
    samples: Samples,
    fit: Fit,
    steps: int,
    folds: int,
    on_progress: Callable[[float], None] = lambda _: None,
) -> Evaluation:
    """Forecast the later half of the samples in `folds` parts, each by a model trained on all before it.

    The last `steps` rows before the first forecast are not trained on (purged): their outcomes end with its bar or
    after it.

    Args:
        samples: Of one series, in time order.
        fit: Trains; everything that is learned is learned in here.
        steps: Length of the horizon in bars.
        folds: How many refits.
        on_progress: Called with the share of the work that is done.

    Raises:
        InvalidInputError: There are too few samples, or the price never moves.
    """
    tested = int(len(samples) * _TEST_SHARE)
    if tested < folds * _FEWEST_ROWS:
        raise InvalidInputError(
            f"found {len(samples)} samples; expected at least {int(folds * _FEWEST_ROWS / _TEST_SHARE)} for an "
            f"evaluation in {folds} parts: give it more bars, or fewer folds"
        )
    first = len(samples) - tested
    before = training_part(samples, int(samples.row[first]))
    scale = mean_absolute(before.last_price * np.expm1(before.target)) if len(before) else 0.0
    if scale == 0 or not samples.target[first:].any():
        raise InvalidInputError(
            f"the price does not move in {'the later' if scale else 'the earlier'} half of {len(samples)} samples; "
            "expected one that does"
        )
    done: list[tuple[Matrix, Fold]] = []
    for part in _parts(first, len(samples), folds):
        done.append(_fold(samples, part, fit, steps, scale))
        on_progress(len(done) / folds)
    outcomes = Outcomes(samples[first:], np.concatenate([forecasts for forecasts, _ in done]), scale)
    return Evaluation(scores_of(outcomes, steps), tuple(fold for _, fold in done), outcomes)


def training_part(samples: Samples, first_row: int) -> Samples:
    """Return the samples whose outcome was known before the bar at `first_row`: what may be trained on for it."""
    return samples[samples.target_row < first_row]


def _parts(first: int, end: int, folds: int) -> Iterator[slice]:
    borders = np.linspace(first, end, folds + 1).astype(int).tolist()
    for start, stop in itertools.pairwise(borders):
        yield slice(start, stop)


def _fold(samples: Samples, part: slice, fit: Fit, steps: int, scale: float) -> tuple[Matrix, Fold]:
    tested = samples[part]
    trained = training_part(samples, int(tested.row[0]))
    if len(trained) < _FEWEST_ROWS:
        raise InvalidInputError(f"found {len(trained)} samples to train on; expected at least {_FEWEST_ROWS}")
    forecasts = fit(trained.features, trained.target)(tested.features)
    return forecasts, Fold(
        trained_rows=len(trained),
        trained_until=as_datetime(trained.target_ends.max()),
        start=as_datetime(tested.ends[0]),
        end=as_datetime(tested.ends[-1]),
        scores=scores_of(Outcomes(tested, forecasts, scale), steps),
    )
