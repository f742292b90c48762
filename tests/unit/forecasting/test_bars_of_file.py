"""Bars of a file to learn from: of any types, and without those that nothing can be learned from."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mdstream.config import ForecastSettings
from mdstream.errors import InvalidInputError
from mdstream.forecasting.samples import samples_of
from mdstream.forecasting.stored import bars_of_file
from mdstream.forecasting.training import trained
from mdstream.schemas import BarWindow

MINUTE = BarWindow("1min", 60)
COUNT = 600
QUICK = ForecastSettings(rounds=5, folds=2)


def write(path: Path, **changes: pa.Array) -> Path:
    steps = np.random.default_rng(1).standard_normal(COUNT)
    ends = (np.arange(COUNT) + 1) * 60_000_000 + 1_767_600_000_000_000
    columns = {
        "symbol": pa.array(["A"] * COUNT),
        "window": pa.array(["1min"] * COUNT),
        "window_end": pa.array(ends, pa.timestamp("us", "UTC")),
        "close": pa.array(100 * np.exp(np.cumsum(steps) * 1e-3)),
        "volume": pa.array(np.full(COUNT, 10.0)),
    }
    pq.write_table(pa.table({**columns, **changes}), path)
    return path


def closes(tmp_path: Path) -> list[float]:
    found: list[float] = pq.read_table(write(tmp_path / "all.parquet"))["close"].to_pylist()
    return found


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *product(("close", "volume"), (float("nan"), None, -5.0, float("inf"))),
        ("close", 0.0),  # while a volume of nothing is one
    ],
)
def test_a_bar_without_a_usable_value_costs_itself_and_is_counted(
    tmp_path: Path, column: str, value: float | None
) -> None:
    values = closes(tmp_path)
    values[4] = value  # type: ignore[call-overload,assignment,unused-ignore]
    path = write(tmp_path / "gap.parquet", **{column: pa.array(values, pa.float64())})
    bars = bars_of_file(path, MINUTE)["A"]
    assert (len(bars), bars.left_out) == (COUNT - 1, 1)
    # Behind the gap all samples are there: those of all bars but the 51 that warm up and the last five, at most.
    assert len(samples_of(bars, MINUTE, 5)) >= COUNT - 1 - 51 - 5 - 2
    made = trained("A", bars, MINUTE, 5, QUICK)
    assert (made.metadata.bars, made.metadata.bars_left_out) == (COUNT - 1, 1)


def test_bars_that_are_too_few_are_said_with_those_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "negative.parquet", close=pa.array([-1.0] * 590 + [1.0, 1.1] * 5))
    bars = bars_of_file(path, MINUTE)["A"]
    with pytest.raises(InvalidInputError, match="590 of 600 bars were left out: close is not above zero"):
        trained("A", bars, MINUTE, 5, QUICK)


def test_columns_of_other_types_are_the_same_bars(tmp_path: Path) -> None:
    usual = bars_of_file(write(tmp_path / "usual.parquet"), MINUTE)["A"]
    table = pq.read_table(tmp_path / "usual.parquet")
    other = write(
        tmp_path / "other.parquet",
        symbol=pa.array(["A"] * COUNT).dictionary_encode(),
        window=pa.array(["1min"] * COUNT).dictionary_encode(),
        window_end=table["window_end"].cast(pa.string()).combine_chunks(),
        close=table["close"].cast(pa.string()).combine_chunks().dictionary_encode(),
        volume=pa.array([10] * COUNT),
    )
    bars = bars_of_file(other, MINUTE)["A"]
    np.testing.assert_array_equal(bars.ends, usual.ends)
    np.testing.assert_array_equal(bars.close, usual.close)
    np.testing.assert_array_equal(bars.volume, usual.volume)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"close": pa.array(["dear"] * COUNT)}, "close is dear in row 1; expected double"),
        ({"window_end": pa.array(["soon"] * COUNT)}, "window_end is soon in row 1"),
        ({"window_end": pa.nulls(COUNT, pa.timestamp("us"))}, "a bar has no window_end"),
    ],
)
def test_what_is_no_bar_is_said(tmp_path: Path, changes: dict[str, pa.Array], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        bars_of_file(write(tmp_path / "bad.parquet", **changes), MINUTE)
