"""Where bars of imbalances and runs end, against mlfinpy 0.1.2 (its `get_ema_*_bars`) on the same trades."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from mdstream.transforms.activity.expectations import Expectation, ends_of_imbalances, ends_of_runs, tick_signs

Values = npt.NDArray[np.float64]


def trades() -> tuple[Values, Values]:
    """2,000 prices that go up and down by up to two cents, and sizes."""
    random = np.random.default_rng(11)
    moves = random.integers(-1, 2, 2000) * random.integers(0, 3, 2000)
    return (10_000 + np.cumsum(moves)) / 100, random.integers(1, 500, 2000).astype(float)


def signed(kind: str) -> Values:
    price, size = trades()
    amounts = {"tick": np.ones(len(price)), "volume": size, "dollar": price * size}
    return tick_signs(price) * amounts[kind]


# num_prev_bars=3, expected_imbalance_window=50, exp_num_ticks_init=40, exp_num_ticks_constraints=[20, 60].
IMBALANCES = {
    "tick": [64, 129, 906, 1030, 1192, 1233],
    "volume": [122, 379, 469, 747, 898, 1081, 1224, 1570, 1717],
    "dollar": [122, 379, 469, 747, 898, 1081, 1224, 1570, 1717],
}

# num_prev_bars=3, expected_imbalance_window=200, exp_num_ticks_init=20, [5, 200]: how many, the first ten and the last.
FREE_IMBALANCES = {
    "tick": (1489, [40, 127, 295, 347, 380, 397, 398, 399, 400, 401], 2000),
    "volume": (1480, [25, 35, 39, 43, 46, 47, 51, 53, 55, 59], 2000),
}
RUNS = {
    "volume": (129, [54, 108, 150, 207, 243, 287, 317, 352, 385, 412], 1997),
    "dollar": (129, [54, 108, 150, 207, 243, 287, 317, 352, 385, 412], 1997),
}


@pytest.mark.parametrize("kind", IMBALANCES)
def test_imbalances_end_where_mlfinpy_ends_them(kind: str) -> None:
    expected = Expectation(40, 3, 50, 20, 60)
    assert [last + 1 for last in ends_of_imbalances(signed(kind), expected).last] == IMBALANCES[kind]


@pytest.mark.parametrize("kind", FREE_IMBALANCES)
def test_many_imbalances_end_where_mlfinpy_ends_them(kind: str) -> None:
    ends = [last + 1 for last in ends_of_imbalances(signed(kind), Expectation(20, 3, 200, 5, 200)).last]
    assert (len(ends), ends[:10], ends[-1]) == FREE_IMBALANCES[kind]


@pytest.mark.parametrize("kind", RUNS)
def test_runs_end_where_mlfinpy_ends_them(kind: str) -> None:
    ends = [last + 1 for last in ends_of_runs(signed(kind), Expectation(20, 3, 200, 5, 200)).last]
    assert (len(ends), ends[:10], ends[-1]) == RUNS[kind]


def test_runs_of_ticks_end_at_the_threshold_and_not_beyond_it() -> None:
    # Two of each side in the first bar: E[T] = 4, P = 1/2, and both means are 1, so that two are reached, not exceeded.
    ends = ends_of_runs(np.array([1.0, 1.0, -1.0, -1.0, 1.0, 1.0, 1.0]), Expectation(2, 3, 100, 1, math.inf))
    assert ends.last == [3, 5]
    assert ends.thresholds[:2] == pytest.approx([1, 2])


def test_too_few_trades_have_no_threshold() -> None:
    for rule in (ends_of_imbalances, ends_of_runs):
        ends = rule(np.array([1.0, -1.0]), Expectation(3, 3, 100, 1, math.inf))
        assert not ends.last
        assert np.isnan(ends.thresholds).tolist() == [True]
