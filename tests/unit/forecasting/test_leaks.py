"""A forecast knows nothing of what comes after it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdstream.forecasting.evaluation import training_part, walk_forward
from mdstream.forecasting.features import Matrix
from mdstream.forecasting.model import QuantileModel
from mdstream.forecasting.samples import ClosedBars, samples_of
from mdstream.forecasting.training import fit_of
from mdstream.indicators.values import Values
from tests.unit.forecasting.series import MINUTE, QUICK, autoregressive, random_walk

BARS = random_walk(400)


def changed_after(bars: ClosedBars, place: int, seed: int) -> ClosedBars:
    """The same bars up to `place`, and others behind it."""
    random = np.random.default_rng(seed)
    later = len(bars) - place - 1
    close = np.concatenate([bars.close[: place + 1], 1e6 * random.random(later) + 1])
    volume = np.concatenate([bars.volume[: place + 1], 1e9 * random.random(later)])
    return ClosedBars(bars.ends, close, volume)


@settings(max_examples=20, deadline=None)
@given(st.integers(60, 398), st.integers(0, 1000))
def test_features_are_bit_identical_whatever_comes_later(place: int, seed: int) -> None:
    expected = BARS.features()[: place + 1]
    assert changed_after(BARS, place, seed).features()[: place + 1].tobytes() == expected.tobytes()
    assert BARS[: place + 1].features().tobytes() == expected.tobytes()


@pytest.mark.parametrize("horizon", [1, 5])
def test_a_forecast_is_bit_identical_whatever_comes_later(horizon: int) -> None:
    """Trained on what was known at a bar, with all prices after it changed: not a bit of the forecast differs."""
    at = 300

    def forecast(bars: ClosedBars) -> bytes:
        known = training_part(samples_of(bars, MINUTE, horizon), at)
        return QuantileModel.fit(known.features, known.target, QUICK).predict(bars.features()[at : at + 1]).tobytes()

    assert forecast(changed_after(BARS, at, 1)) == forecast(changed_after(BARS, at, 2)) == forecast(BARS)


@pytest.mark.parametrize("horizon", [1, 5])
def test_folds_train_on_what_was_known_before_their_first_bar(horizon: int) -> None:
    samples = samples_of(random_walk(600), MINUTE, horizon)
    asked: list[tuple[int, Values]] = []

    def fit(features: Matrix, target: Values) -> object:
        trained = len(target)

        def predict(rows: Matrix) -> Matrix:
            asked.append((trained, rows[0]))
            return np.zeros((len(rows), 3))

        return predict

    evaluation = walk_forward(samples, fit, horizon, 4)  # type: ignore[arg-type]

    assert len(asked) == len(evaluation.folds) == 4
    for (trained, first_features), fold in zip(asked, evaluation.folds, strict=True):
        first = int(np.flatnonzero((samples.features == first_features).all(axis=1))[0])
        # `horizon` rows are left out, so that the last outcome ends before the bar of the first forecast.
        assert trained == first - horizon
        assert samples.target_row[trained - 1] == samples.row[first] - 1
        assert fold.trained_until < fold.start
    # The later half, every row once, in order.
    assert evaluation.outcomes.samples.row.tolist() == samples.row[len(samples) - len(samples) // 2 :].tolist()


def test_with_shuffled_outcomes_there_is_nothing_to_learn() -> None:
    """What is learned well in its own order is worth no more than the last price when outcomes are shuffled."""
    samples = samples_of(autoregressive(4000, -0.5), MINUTE, 1)
    learned = walk_forward(samples, fit_of(QUICK), 1, 2).scores
    shuffled = np.random.default_rng(2).permutation(samples.target)
    chance = walk_forward(type(samples)(**(vars(samples) | {"target": shuffled})), fit_of(QUICK), 1, 2).scores

    assert learned.beats_naive
    assert not chance.beats_naive
    assert chance.relative_mae is not None
    assert 0.995 < chance.relative_mae < 1.03
    assert chance.r2 is not None
    assert chance.r2 < 0.005


def test_a_model_forecasts_each_row_by_itself() -> None:
    samples = samples_of(autoregressive(400, 0.5), MINUTE, 1)
    model = QuantileModel.fit(samples.features, samples.target, QUICK)
    together = model.predict(samples.features)
    alone = np.concatenate([model.predict(row.reshape(1, -1)) for row in samples.features])
    assert together.tobytes() == alone.tobytes()
