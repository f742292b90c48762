"""How much history an indicator needs."""

from __future__ import annotations

from functools import cache

import numpy as np

from mdstream.indicators.catalogue import functions
from mdstream.indicators.indicator import Indicator
from mdstream.indicators.values import Series, indicator_values

LONGEST = 8192
"""More bars than this are not looked for."""

_STARTS = range(256, LONGEST, 128)
_SEED = 20_260_102


@cache
def bars_needed(indicator: Indicator, rtol: float = 1e-9) -> int | None:
    """Return how many bars, the last one included, give the value that any longer history gives.

    Moving averages of the last n bars need n. What is smoothed exponentially (EMA, MACD, RSI, ADX, ATR) never
    forgets, but old bars fade: an EMA of n bars needs about 9 n for an `rtol` of 1e-9. Running totals (OBV, AD, VWAP),
    values that follow a trend from its start (SAR, SUPERTREND) and places counted from the first bar (MAXINDEX)
    depend on where the series begins, so no bounded history gives them.

    The number is measured on two fixed series of random prices; on others it may be a few percent more or less, and
    for KAMA, which slows down where prices go nowhere, several times more. One of the two stands still at times, where
    functions that follow a cycle (HT_SINE, MAMA) lose it, each history elsewhere.

    Args:
        indicator: What is computed.
        rtol: Difference that does not matter, as a share of the value or of the indicator's median, the larger one.

    Returns:
        The number of bars; None if there is no such number up to `LONGEST`.

    Example:
        >>> from mdstream.indicators import parse_indicators
        >>> sma, obv = parse_indicators({"sma": {"period": 20}, "obv": {}})
        >>> bars_needed(sma), bars_needed(obv)
        (20, None)
    """
    if functions()[indicator.function.lower()].path_dependent or indicator.lookback >= LONGEST:
        return None
    needed = indicator.lookback + 1
    # Where prices stand still, rounding is most of what is left of slopes and the like.
    for bars, least_rtol in ((_random_bars(), 0.0), (_halting_bars(), 1e-6)):
        whole = indicator_values([indicator], bars)
        for start in _STARTS:
            tail = indicator_values([indicator], {name: values[start:] for name, values in bars.items()})
            for column in indicator.columns:
                until = _bars_until_equal(tail[column], whole[column], start, max(rtol, least_rtol))
                needed = max(needed, until)
    return needed if needed <= LONGEST else None


def _bars_until_equal(tail: Series, whole: Series, start: int, rtol: float) -> int:
    """Return from which bar of the tail on, counted from 1, all its values are those of the whole series."""
    if np.isnan(whole).all():
        return 1
    scale = np.maximum(np.abs(whole[start:]), np.nanmedian(np.abs(whole)))
    near = np.abs(tail - whole[start:]) <= rtol * scale
    equal = near | (np.isnan(tail) & np.isnan(whole[start:]))
    differing = np.flatnonzero(~equal)
    return int(differing[-1]) + 2 if len(differing) else 1


@cache
def _random_bars() -> dict[str, Series]:
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
def _halting_bars() -> dict[str, Series]:
    """Return random bars with a price of whole cents that stays the same for an hour of every seven."""
    moving = np.arange(2 * LONGEST) % 420 >= 60
    random = np.random.default_rng(_SEED)
    close = 100 + np.round(np.where(moving, random.normal(0, 0.03, len(moving)), 0).cumsum(), 2)
    wick = np.where(moving, np.round(np.abs(random.normal(0, 0.03, len(moving))), 2), 0)
    volume = np.round(random.lognormal(7, 1, len(moving)))
    return {"open": close, "high": close + wick, "low": close - wick, "close": close, "volume": volume}
