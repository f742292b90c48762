"""Held to hand-computed values, to other tests of the same thing, and to what chance gives."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mdstream.forecasting.statistics import accuracy, diebold_mariano, pesaran_timmermann


def test_directions_are_counted_where_both_have_one() -> None:
    called = np.array([1.0, -2.0, 3.0, 0.0, 5.0])
    moved = np.array([0.1, 0.1, 0.2, 0.3, 0.0])

    found = accuracy(called, moved)

    assert found.right == pytest.approx(2 / 3)
    assert found.rows == 3
    # Wilson's interval of 2 in 3, by its formula.
    z, n, p = 1.959963984540054, 3, 2 / 3
    middle, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert found.lower == pytest.approx((middle - half) / (1 + z**2 / n))
    assert found.upper == pytest.approx((middle + half) / (1 + z**2 / n))


def test_without_a_direction_there_is_no_accuracy() -> None:
    found = accuracy(np.zeros(3), np.ones(3))
    assert (found.right, found.rows) == (None, 0)


def test_diebold_mariano_of_one_step_by_hand() -> None:
    # Differences 1, -1, 2, 2: mean 1, variance ((0)² + (-2)² + 1² + 1²) / 4 = 1.5, correction sqrt(3 / 4).
    found = diebold_mariano(np.array([2.0, 0.0, 3.0, 3.0]), np.ones(4), 1)

    assert found.statistic == pytest.approx(math.sqrt(3 / 4) * 1 / math.sqrt(1.5 / 4))
    # With one step and the correction it is the t-test of one sample.
    expected = stats.ttest_1samp([1.0, -1.0, 2.0, 2.0], 0)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_diebold_mariano_of_two_steps_by_hand() -> None:
    # Deviations 0, -2, 1, 1 as above; at lag 1 their products sum to 0 - 2 + 1 = -1, with weight 1/2 on both sides.
    found = diebold_mariano(np.array([2.0, 0.0, 3.0, 3.0]), np.ones(4), 2)

    variance = 6 / 4 + 2 * 0.5 * (-1 / 4)
    correction = math.sqrt((4 + 1 - 4 + 2 * 1 / 4) / 4)
    assert found.statistic == pytest.approx(correction / math.sqrt(variance / 4))


def test_equal_forecasts_are_not_told_apart() -> None:
    assert diebold_mariano(np.ones(10), np.ones(10), 1).statistic is None


@pytest.mark.parametrize("steps", [1, 5])
def test_diebold_mariano_rejects_equal_forecasts_as_rarely_as_it_says(steps: int) -> None:
    random = np.random.default_rng(3)
    rejected = 0
    for _ in range(400):
        noise = random.normal(size=400 + steps - 1)
        # Sums of neighbours, as losses of overlapping horizons are.
        overlapping = np.convolve(noise, np.ones(steps), "valid")
        p_value = diebold_mariano(overlapping, np.zeros(len(overlapping)), steps).p_value
        rejected += p_value is not None and p_value < 0.05
    # Newey and West's variance is somewhat too small for overlapping losses, but nothing like the naive one.
    assert 0.02 <= rejected / 400 <= 0.12


def test_pesaran_timmermann_is_the_test_of_independence() -> None:
    random = np.random.default_rng(5)
    moved = random.normal(size=2000)
    called = np.where(random.random(2000) < 0.55, moved, -moved) + 0.1

    found = pesaran_timmermann(called, moved, 1)

    table = [[int(((called > 0) == c)[(moved > 0) == m].sum()) for m in (True, False)] for c in (True, False)]
    expected = math.sqrt(stats.chi2_contingency(table, correction=False).statistic)
    assert found.statistic == pytest.approx(expected, rel=0.01)


def test_pesaran_timmermann_leaves_overlapping_rows_out() -> None:
    random = np.random.default_rng(6)
    called, moved = random.normal(size=900), random.normal(size=900)
    assert pesaran_timmermann(called, moved, 3) == pesaran_timmermann(called[::3], moved[::3], 1)


def test_always_calling_up_foresees_nothing() -> None:
    moved = np.array([1.0, -1.0] * 50)
    assert pesaran_timmermann(np.ones(100), moved, 1).statistic is None
