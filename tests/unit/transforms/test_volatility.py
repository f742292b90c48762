"""Volatility against values that others have published."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR
from mdstream.testing import frame_of
from mdstream.transforms import with_ewma_volatility, with_volatility
from tests.unit.transforms.price_series import Found, bars_of, near

# The first days of ttrc in R's package TTR (open, high, low, close), and what its tests expect of the last five for
# volatility(ohlc, n=10, N=260).
TTRC = [
    (3.18, 3.18, 3.08, 3.08), (3.09, 3.15, 3.09, 3.11), (3.11, 3.12, 3.08, 3.09), (3.09, 3.12, 3.07, 3.1),
    (3.1, 3.12, 3.08, 3.11), (3.12, 3.17, 3.1, 3.16), (3.16, 3.23, 3.14, 3.22), (3.23, 3.29, 3.2, 3.23),
    (3.23, 3.33, 3.22, 3.32), (3.32, 3.33, 3.28, 3.3), (3.3, 3.34, 3.28, 3.32), (3.32, 3.32, 3.17, 3.26),
    (3.26, 3.27, 3.15, 3.16), (3.17, 3.28, 3.15, 3.25),
]  # fmt: skip
PARKINSON = [0.2252072864771795, 0.21030035997923877, 0.24658169637469984, 0.26897834319140235, 0.2919563345832617]
GARMAN_KLASS = [0.21418658397980106, 0.21624727061834803, 0.258495530041682, 0.2711023079951227, 0.2919427884554771]
ROGERS_SATCHELL = [0.205948120277698, 0.2149695331228885, 0.2710614797873013, 0.2782165990897686, 0.2957013489390852]

# SPY in February and March 2013, and YZV9 of the last three days in Lean's tests (spy_with_yzv.csv).
SPY = [
    (151.16, 151.89, 150.49, 151.89), (152.63, 152.86, 149.0, 149.0), (149.72, 150.2, 148.73, 150.02),
    (149.89, 152.33, 149.76, 151.91), (151.9, 152.87, 151.41, 151.61), (151.09, 152.34, 150.41, 152.11),
    (151.76, 152.92, 151.52, 152.92), (153.66, 154.7, 153.64, 154.29), (154.84, 154.92, 154.16, 154.5),
    (154.71, 154.98, 154.52, 154.78), (155.46, 155.65, 154.66, 155.44), (155.33, 156.04, 155.13, 156.03),
]  # fmt: skip
YANG_ZHANG = [0.007516467597643675, 0.006631383502169219, 0.006117365195728897]


def test_estimates_are_the_published_ones(spark: SparkSession) -> None:
    bars = bars_of(spark, {"TTRC": TTRC, "SPY": SPY})
    of_one_bar = ("parkinson", "garman_klass", "rogers_satchell")
    analysed = Found(
        bars.transform(with_volatility, of_one_bar, 10, periods_a_year=260)
        .transform(with_volatility, "yang_zhang", 9)
        .transform(with_volatility, "close", 9, periods_a_year=260)
        .transform(with_ewma_volatility, periods_a_year=260)
    )
    assert analysed.names == [*BAR.schema.names, "parkinson_10", "garman_klass_10", "rogers_satchell_10",
                                "yang_zhang_9", "close_9", "ewma_volatility"]  # fmt: skip
    for name, published in (
        ("parkinson_10", PARKINSON), ("garman_klass_10", GARMAN_KLASS), ("rogers_satchell_10", ROGERS_SATCHELL)
    ):  # fmt: skip
        assert analysed.column("TTRC", name) == near([*[None] * 9, *published]), name
    assert analysed.column("SPY", "yang_zhang_9") == near([*[None] * 9, *YANG_ZHANG])
    logs = pd.Series([math.log(close) for *_, close in TTRC]).diff()
    deviations = (math.sqrt(260) * logs.rolling(9).std()).to_list()
    assert analysed.column("TTRC", "close_9") == near([None] * 9 + deviations[9:])
    weighted = (logs**2).ewm(alpha=0.06).mean()
    expected = np.sqrt(260 * weighted).to_list()[1:]
    assert analysed.column("TTRC", "ewma_volatility") == near([None, *expected])


def test_bars_without_prices_have_no_volatility(spark: SparkSession) -> None:
    flat = (100.0, 100.0, 100.0, 100.0)
    bars = bars_of(spark, {"A": [flat, (100.0, 102.0, 99.0, 101.0), (0.0, 1.0, 0.0, 1.0), flat, flat]})
    analysed = Found(bars.transform(with_volatility, "parkinson", 1).transform(with_ewma_volatility, 0.5))
    one = math.log(102 / 99) / math.sqrt(4 * math.log(2))
    assert analysed.column("A", "parkinson_1") == [0.0, pytest.approx(one, rel=1e-14), None, 0.0, 0.0]
    weighted = analysed.column("A", "ewma_volatility")
    squares = [math.log(101 / 100) ** 2, math.log(1 / 101) ** 2, math.log(100) ** 2, 0.0]
    expected = [
        math.sqrt(sum(square * 2.0**place for place, square in enumerate(squares[:count])) / (2.0**count - 1))
        for count in (1, 2, 3, 4)
    ]
    assert weighted == [None, *(pytest.approx(value, rel=1e-12) for value in expected)]


def test_a_close_of_zero_keeps_the_weighted_volatility(spark: SparkSession) -> None:
    bars = bars_of(spark, {"A": [(1.0, 1.0, 1.0, close) for close in (100.0, 101.0, 0.0, 101.0, 102.0)]})
    first, last = math.log(101 / 100), math.log(102 / 101)
    expected = [first, first, first, math.sqrt((first**2 / 2 + last**2) / 1.5)]
    found = Found(bars.transform(with_ewma_volatility, 0.5)).column("A", "ewma_volatility")
    assert found == [None, *(pytest.approx(value, rel=1e-12) for value in expected)]


def test_what_cannot_be_estimated_is_refused(spark: SparkSession) -> None:
    bars = frame_of(spark, BAR)
    with pytest.raises(InvalidInputError, match="there is no estimator 'gk'; expected one of close, parkinson"):
        bars.transform(with_volatility, ["close", "gk"])
    with pytest.raises(InvalidInputError, match="found no estimator; expected one of close, parkinson"):
        bars.transform(with_volatility, [])
    with pytest.raises(InvalidInputError, match="found length 1; expected at least 2"):
        bars.transform(with_volatility, "yang_zhang", 1)
    with pytest.raises(InvalidInputError, match="found 0 periods a year; expected a number above 0"):
        bars.transform(with_volatility, periods_a_year=0)
    with pytest.raises(InvalidInputError, match="bars have no column high"):
        bars.drop("high").transform(with_volatility)
    with pytest.raises(InvalidInputError, match="bars have a column yang_zhang_20 already"):
        bars.withColumn("yang_zhang_20", F.lit(1.0)).transform(with_volatility)
    with pytest.raises(InvalidInputError, match=r"found a decay of 1.0; expected one between 0 and 1, e.g. 0.94"):
        bars.transform(with_ewma_volatility, 1.0)
