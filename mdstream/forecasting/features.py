"""What a forecast is made from: scale-free numbers of closed bars, each from its own bar and those before it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mdstream.indicators import Indicator, indicator_values, parse_indicators
from mdstream.indicators.values import Values

Matrix = NDArray[np.float64]

RETURNS = 5
"""Moves of so many last bars are features."""

_AVERAGED_BARS = 20

FEATURES: tuple[str, ...] = (
    *(f"return_{lag}" for lag in range(1, RETURNS + 1)),
    "close_to_sma_20",
    "close_to_sma_50",
    "rsi_14",
    "macd",
    "macd_signal",
    "macd_hist",
    "bb_position",
    "bb_width",
    "volume_to_average_20",
)
"""Columns of `feature_matrix`. They do not follow the configured indicators: a model must find what it learned from."""

INPUTS = ("close", "volume")
"""What of a bar the features are computed from."""


def _indicators() -> tuple[Indicator, ...]:
    return parse_indicators(
        {"sma": {"periods": [20, 50]}, "rsi": {"period": 14}, "macd": {}, "bollinger": {"period": 20}}
    )


def feature_matrix(bars: Mapping[str, Values]) -> Matrix:
    """Compute the features of every bar of one series.

    Args:
        bars: `close` and `volume` of one symbol and window, in time order.

    Returns:
        One row a bar and one column a name of `FEATURES`. NaN while warming up and where a price is not positive.

    Example:
        >>> feature_matrix({"close": np.array([1.0, np.e]), "volume": np.ones(2)})[:, 0]
        array([nan,  1.])
    """
    close = np.ascontiguousarray(bars["close"], np.float64)
    volume = np.ascontiguousarray(bars["volume"], np.float64)
    values = indicator_values(_indicators(), {"close": close, "volume": volume})
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.diff(np.log(close), prepend=np.nan)
        width = values["bb_upper"] - values["bb_lower"]
        position = np.where(width > 0, (close - values["bb_middle"]) / width, np.where(width == 0, 0.0, np.nan))
        columns = [
            *(_lagged(moves, lag) for lag in range(RETURNS)),
            close / values["sma_20"] - 1,
            close / values["sma_50"] - 1,
            values["rsi_14"] / 100,
            *(values[name] / close for name in ("macd", "macd_signal", "macd_hist")),
            position,
            width / close,
            np.log1p(volume) - np.log1p(_mean_of_last(volume, _AVERAGED_BARS)),
        ]
    matrix = np.column_stack(columns)
    matrix[~np.isfinite(matrix)] = np.nan
    return matrix


def _lagged(values: Values, bars: int) -> Values:
    lagged = np.full(len(values), np.nan)
    lagged[bars:] = values[: max(len(values) - bars, 0)]
    return lagged


def _mean_of_last(values: Values, bars: int) -> Values:
    means = np.full(len(values), np.nan)
    if len(values) >= bars:
        means[bars - 1 :] = np.lib.stride_tricks.sliding_window_view(values, bars).mean(axis=1)
    return means
