"""Kaufman's efficiency ratio: how far the close has come in some bars, as a share of the way it went."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mdstream.indicators import IndicatorExtension


def efficiency_ratio(close: NDArray[np.float64], timeperiod: int) -> NDArray[np.float64]:
    """Return 1 where the close went one way only, 0 where it came back; NaN where it stood still, or too few bars."""
    steps = np.abs(np.diff(close, prepend=np.nan))
    ratio = np.full(len(close), np.nan)
    for bar in range(timeperiod, len(close)):
        way = steps[bar - timeperiod + 1 : bar + 1].sum()
        if way > 0:
            ratio[bar] = abs(close[bar] - close[bar - timeperiod]) / way
    return ratio


INDICATOR = IndicatorExtension(
    compute=efficiency_ratio,
    inputs=("close",),
    parameters={"timeperiod": 10},
    lookback=lambda parameters: int(parameters["timeperiod"]),
)
