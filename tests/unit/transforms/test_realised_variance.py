"""Realised variance against the grids that it is defined by, laid one by one."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR
from mdstream.schemas.session_windows import parse_window
from mdstream.testing import frame_of
from mdstream.transforms import to_realised_variance
from tests.unit.transforms.frames import Row, bar, bars_frame
from tests.unit.transforms.price_series import near
from tests.unit.transforms.sessions import ny, stock_exchange

STEP = 5
Prices = npt.NDArray[np.float64]


def on_grids(prices: Prices, step: int) -> list[float]:
    """The sums of squared log returns over each `step` prices, one for each first price."""
    return [float((np.diff(np.log(prices[first::step])) ** 2).sum()) for first in range(step)]


def minute_of(path: Prices, begin: datetime, minute: int) -> Row:
    prices = (path[minute], 1.0, 1.0, path[minute + 1])
    return bar("A", prices, 1.0, 1.0, 1, 0, window_start=begin + timedelta(minutes=minute))


def test_sums_are_those_of_the_grids(spark: SparkSession) -> None:
    random = np.random.default_rng(3)
    begins = [ny("2026-03-06 09:30"), ny("2026-03-09 09:30"), ny("2026-03-10 12:58")]
    # The first close after each open, and no more than the open's half a day allows; on the last day too few.
    prices = [100 * np.exp(random.normal(0, 0.001, count).cumsum()) for count in (24, 17, 3)]
    rows = [
        minute_of(path, begin, minute)
        for begin, path in zip(begins, prices, strict=True)
        for minute in range(len(path) - 1)
    ]
    # Neither what is before the open counts nor bars of another window.
    rows.append(bar("A", (1.0,) * 4, 1.0, 1.0, 1, 0, window_start=ny("2026-03-06 09:00")))
    rows.append(bar("A", (1.0,) * 4, 1.0, 1.0, 1, 0, window_start=begins[0], window="5min"))
    bars, day = bars_frame(spark, rows), parse_window("1d@NY", [stock_exchange()])
    all_grids = bars.transform(to_realised_variance, "1min", day, step=STEP, periods_a_year=252)
    one_grid = bars.transform(to_realised_variance, "1min", day, step=STEP, subsampled=False)
    both = all_grids.withColumn("way", F.lit("all")).union(one_grid.withColumn("way", F.lit("one")))
    found = both.withColumn("end", F.unix_seconds("window_end")).sort("way", "window_start").collect()
    means = [float(np.mean(on_grids(path, STEP))) for path in prices[:2]]
    firsts = [on_grids(path, STEP)[0] for path in prices[:2]]
    variances = [row["realised_variance"] for row in found]
    assert variances == near([*means, None, *firsts, None], rel=1e-10)
    assert [row["return_count"] for row in found] == [19, 12, 0, 4, 3, 0]
    assert found[0]["realised_volatility"] == pytest.approx(np.sqrt(252 * means[0]), rel=1e-10)
    assert {(row["symbol"], row["window"]) for row in found} == {("A", "1d@NY")}
    assert [row["end"] for row in found[:3]] == [
        int(ny(f"2026-03-{close}").timestamp()) for close in ("06 16:00", "09 16:00", "10 13:00")
    ]


def test_what_cannot_be_summed_is_refused(spark: SparkSession) -> None:
    bars = frame_of(spark, BAR)
    with pytest.raises(InvalidInputError, match="found step 0; expected at least 1"):
        bars.transform(to_realised_variance, "1min", "1d@UTC", step=0)
    with pytest.raises(InvalidInputError, match="bars have no column open"):
        bars.drop("open").transform(to_realised_variance, "1min", "1d@UTC")
