"""Real bars: values equal those that TA-Lib gave elsewhere, and those of libraries that owe nothing to it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import numpy as np
import pandas as pd
import pandas_ta_classic as classic
import pytest
import talipp.indicators as talipp
from numpy.testing import assert_allclose

from mdstream.indicators import indicator_values, parse_indicators
from tests.unit.indicators.series import SEED_SET, VECTORS, Values, bars_of, random_bars, vectors

RTOL = 1e-9
ATOL = 1e-8
"""The vectors have 12 digits, and MACD's histogram passes through zero."""

MACD = ("macd", "macd_signal", "macd_hist")
SETTLED = 200
"""From here on it does not show that TA-Lib starts MACD's fast average where the slow one starts, others earlier."""

COLUMN_OF = {
    "sma_20": "sma20",
    "sma_50": "sma50",
    "sma_200": "sma200",
    "ema_12": "ema12",
    "ema_26": "ema26",
    "rsi_14": "rsi14",
    "macd": "macd",
    "macd_signal": "macdsignal",
    "macd_hist": "macdhist",
    "bb_upper": "bb_upper",
    "bb_middle": "bb_middle",
    "bb_lower": "bb_lower",
}


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("column", COLUMN_OF)
def test_values_are_those_of_the_vectors(name: str, column: str) -> None:
    frame = vectors(name)
    values = indicator_values(parse_indicators(SEED_SET), bars_of(frame))
    assert list(values) == list(COLUMN_OF)
    expected = frame[COLUMN_OF[column]].to_numpy(np.float64)
    assert np.isfinite(expected).sum() > 500
    assert_allclose(values[column], expected, rtol=RTOL, atol=ATOL)


@cache
def closes(name: str) -> Values:
    return random_bars(1000)["close"] if name == "random" else bars_of(vectors(name))["close"]


def assert_agree(close: Values, theirs: dict[str, Values]) -> None:
    ours = indicator_values(parse_indicators(SEED_SET), {"close": close})
    assert set(theirs) == set(ours)
    for name, values in theirs.items():
        start = SETTLED if name in MACD else 0
        assert np.isfinite(values[SETTLED:]).all()
        assert_allclose(ours[name][start:], values[start:], rtol=RTOL, atol=ATOL, err_msg=name)


@pytest.mark.parametrize("name", ["random", *VECTORS])
def test_talipp_agrees(name: str) -> None:
    close = closes(name)

    def numbers(values: Iterable[float | None]) -> Values:
        return np.array([np.nan if value is None else value for value in values], np.float64)

    prices = close.tolist()
    bands = list(talipp.BB(20, 2, prices))
    lines = list(talipp.MACD(12, 26, 9, prices))
    theirs = {f"sma_{period}": numbers(talipp.SMA(period, prices)) for period in (20, 50, 200)}
    theirs |= {f"ema_{period}": numbers(talipp.EMA(period, prices)) for period in (12, 26)}
    theirs |= {"rsi_14": numbers(talipp.RSI(14, prices))}
    for column, attribute in zip(MACD, ("macd", "signal", "histogram"), strict=True):
        theirs[column] = numbers(line and getattr(line, attribute) for line in lines)
    for column, attribute in (("bb_upper", "ub"), ("bb_middle", "cb"), ("bb_lower", "lb")):
        theirs[column] = numbers(band and getattr(band, attribute) for band in bands)
    assert_agree(close, theirs)


@pytest.mark.parametrize("name", ["random", *VECTORS])
def test_pandas_ta_classic_agrees(name: str) -> None:
    close = closes(name)
    prices = pd.Series(close)
    bands = classic.bbands(prices, length=20, std=2, ddof=0, talib=False)
    lines = classic.macd(prices, fast=12, slow=26, signal=9, talib=False)
    theirs = {f"sma_{period}": classic.sma(prices, length=period, talib=False) for period in (20, 50, 200)}
    theirs |= {f"ema_{period}": classic.ema(prices, length=period, talib=False) for period in (12, 26)}
    theirs |= {"rsi_14": classic.rsi(prices, length=14, talib=False)}
    theirs |= {
        "macd": lines["MACD_12_26_9"],
        "macd_signal": lines["MACDs_12_26_9"],
        "macd_hist": lines["MACDh_12_26_9"],
    }
    theirs |= {"bb_upper": bands["BBU_20_2.0"], "bb_middle": bands["BBM_20_2.0"], "bb_lower": bands["BBL_20_2.0"]}
    assert_agree(close, {column: values.to_numpy(np.float64) for column, values in theirs.items()})
