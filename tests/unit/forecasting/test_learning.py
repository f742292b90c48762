"""What can be learned is learned, and what cannot is said to be no better than the last price."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mdstream.errors import InvalidInputError
from mdstream.forecasting.model import QuantileModel
from mdstream.forecasting.samples import samples_of
from mdstream.forecasting.training import evaluate
from tests.unit.forecasting.series import MINUTE, QUICK, autoregressive, bars_of, random_walk


@pytest.mark.parametrize("coefficient", [0.6, -0.6])
def test_a_planted_series_is_learned_nearly_as_well_as_it_can_be(coefficient: float) -> None:
    """The best forecast of an AR(1) errs by its noise; the last price errs by the whole return, which is wider.

    Both are normal, so the mean absolute errors are as the deviations: sqrt(1 - coefficient²).
    """
    scores = evaluate(autoregressive(8000, coefficient), MINUTE, 1, QUICK).scores

    assert scores.relative_mae == pytest.approx(math.sqrt(1 - coefficient**2), abs=0.02)
    assert scores.r2 == pytest.approx(coefficient**2, abs=0.03)
    assert scores.beats_naive
    # The sign of the best forecast is that of the last move, turned if it is to turn: arcsin's law.
    assert scores.direction.right == pytest.approx(0.5 + math.asin(abs(coefficient)) / math.pi, abs=0.03)
    assert scores.coverage == pytest.approx(0.9, abs=0.04)


def test_a_random_walk_is_not_beaten() -> None:
    scores = evaluate(random_walk(4000), MINUTE, 5, QUICK).scores

    assert not scores.beats_naive
    assert scores.relative_mae is not None
    assert 0.99 < scores.relative_mae < 1.1
    assert scores.naive_mase == pytest.approx(1, abs=0.1)


def test_the_same_rows_give_the_same_model() -> None:
    samples = samples_of(autoregressive(600, 0.5), MINUTE, 1)
    first, second = (QuantileModel.fit(samples.features, samples.target, QUICK).to_bytes() for _ in range(2))
    assert first == second


def test_intervals_are_in_order() -> None:
    samples = samples_of(random_walk(600), MINUTE, 1)
    forecasts = QuantileModel.fit(samples.features, samples.target, QUICK).predict(samples.features)
    assert (np.diff(forecasts, axis=1) >= 0).all()


def test_moves_of_any_size_are_learned_alike() -> None:
    """XGBoost ignores gains below 1e-6, which moves of a quiet minute would be."""
    samples = samples_of(autoregressive(600, 0.5), MINUTE, 1)
    usual = QuantileModel.fit(samples.features, samples.target, QUICK).predict(samples.features)
    tiny = QuantileModel.fit(samples.features, samples.target * 2.0**-20, QUICK).predict(samples.features)
    np.testing.assert_allclose(tiny * 2.0**20, usual, rtol=1e-5)


@pytest.mark.parametrize(
    ("count", "message"), [(0, "found 0 samples"), (60, "found 10 samples; expected at least 200")]
)
def test_too_few_bars_are_refused(count: int, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        evaluate(random_walk(max(count, 1)) if count else bars_of(np.empty(0)), MINUTE, 1, QUICK)


def test_a_price_that_never_moves_cannot_be_evaluated() -> None:
    with pytest.raises(InvalidInputError, match="the price does not move"):
        evaluate(bars_of(np.full(600, 10.0)), MINUTE, 1, QUICK)
