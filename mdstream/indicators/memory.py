"""How much history an indicator needs."""

from __future__ import annotations

from functools import cache

import numpy as np

from mdstream.indicators.extension import function_of
from mdstream.indicators.indicator import Indicator
from mdstream.indicators.values import Values, indicator_values

LONGEST = 8192
"""More bars than this are not looked for."""

_STARTS = range(256, LONGEST, 128)
_ROUNDING = 1e-12
"""What rounding may leave in a value, as a share of the largest input: much where prices stand still and slopes end."""
_SEED = 20_260_102


@cache
def bars_needed(indicator: Indicator, rtol: float = 1e-9) -> int | None:
    """Return how many bars, the last one included, give the value that any longer history gives.

    Moving averages of the last n bars need n. What is smoothed exponentially (EMA, MACD, RSI, ADX, ATR) never
    forgets, but old bars fade: an EMA of n bars needs about 9 n for an `rtol` of 1e-9. Running totals (OBV, AD, VWAP),
    values that follow a trend from its start (SAR, SUPERTREND) and places counted from the first bar (MAXINDEX)
    depend on where the series begins, so no bounded history gives them.

    The number is measured on two fixed series of random prices; on others it may be a few percent more or less. In one
    of them prices go nowhere, and stand still at times: there KAMA slows down and needs thousands of bars, and
    functions that follow a cycle (HT_SINE, MAMA) lose it, each history elsewhere.

    Args:
        indicator: What is computed.
        rtol: Difference that does not matter, rounding aside, as a share of the value or of the indicator's median,
            the larger one.

    Returns:
        The number of bars; None if there is no such number up to `LONGEST`.

    Example:
        >>> from mdstream.indicators import parse_indicators
        >>> sma, obv = parse_indicators({"sma": {"period": 20}, "obv": {}})
        >>> bars_needed(sma), bars_needed(obv)
        (20, None)
    """
    if function_of(indicator.function).path_dependent or indicator.lookback >= LONGEST:
        return None
    needed = indicator.lookback + 1
    for bars in (_random_bars(), _aimless_bars()):
        whole = indicator_values([indicator], bars)
        rounding = _ROUNDING * max(np.abs(bars[name]).max() for name in indicator.inputs)
        for start in _STARTS:
            tail = indicator_values([indicator], {name: values[start:] for name, values in bars.items()})
            for column in indicator.columns:
                expected = whole[column]
                scale = np.maximum(np.abs(expected[start:]), np.median(np.abs(np.nan_to_num(expected))))
                until = _bars_until_equal(tail[column], expected[start:], rtol * scale + rounding)
                needed = max(needed, until)
    return needed if needed <= LONGEST else None


def _bars_until_equal(tail: Values, whole: Values, tolerance: Values) -> int:
    """Return from which bar of the tail on, counted from 1, all its values are those of the whole series."""
    equal = (np.abs(tail - whole) <= tolerance) | (np.isnan(tail) & np.isnan(whole))
    differing = np.flatnonzero(~equal)
    return int(differing[-1]) + 2 if len(differing) else 1


@cache
def _random_bars() -> dict[str, Values]:
    random = np.random.default_rng(_SEED)
    count = 2 * LONGEST
    close = 100 * np.exp(random.normal(0, 0.002, count).cumsum())
    open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(random.normal(0, 0.0005, count))
    wicks = np.abs(random.normal(0, 0.001, (2, count)))
    return {
        "open": open_,
        "high": np.maximum(open_, close) * (1 + wicks[0]),
        "low": np.minimum(open_, close) * (1 - wicks[1]),
        "close": close,
        "volume": np.round(random.lognormal(7, 1, count)),
    }


@cache
def _aimless_bars() -> dict[str, Values]:
    """Return bars of a price in whole cents that goes nowhere, and later stands still for an hour of every seven."""
    places = np.arange(2 * LONGEST)
    moving = (places < LONGEST) | (places % 420 >= 60)
    random = np.random.default_rng(_SEED)
    close = 100 + np.where(moving, np.round(random.normal(0, 0.05, len(moving)), 2), 0)
    wick = np.where(moving, np.round(np.abs(random.normal(0, 0.03, len(moving))), 2), 0)
    volume = np.round(random.lognormal(7, 1, len(moving)))
    return {"open": close, "high": close + wick, "low": close - wick, "close": close, "volume": volume}
