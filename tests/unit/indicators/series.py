"""Series of bars to compute from."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.real_trades import test_data

Values = NDArray[np.float64]

SEED_SET: dict[str, dict[str, object]] = {
    "sma": {"periods": [20, 50, 200]},
    "ema": {"periods": [12, 26]},
    "rsi": {"period": 14},
    "macd": {"fast": 12, "slow": 26, "signal": 9},
    "bollinger": {"period": 20, "stddev": 2},
}

VECTORS = ("talib_sp500_daily_1999_2018.csv", "talib_spy_1m_rth_20131007_08.csv")

PRICES = ("open", "high", "low", "close", "volume")


def vectors(name: str) -> pd.DataFrame:
    """Real bars with what TA-Lib 0.8.2 gave for them, to 12 digits."""
    return pd.read_csv(test_data(name))


def bars_of(frame: pd.DataFrame) -> dict[str, Values]:
    return {name: frame[name].to_numpy(np.float64) for name in PRICES}


def random_bars(count: int, seed: int = 5) -> dict[str, Values]:
    """Bars of a random walk."""
    random = np.random.default_rng(seed)
    close = 50 * np.exp(random.normal(0, 0.01, count).cumsum())
    opened = close * np.exp(random.normal(0, 0.005, count))
    high = np.maximum(opened, close) * 1.002
    low = np.minimum(opened, close) * 0.997
    return dict(zip(PRICES, (opened, high, low, close, random.integers(1, 9999, count) * 1.0), strict=True))
