"""What indicators and findings there have to be: the Python TA-Lib, and the shipped rules in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import talib

from bench.chaos.model import BarKey, ModelSeries

SEVERITIES = ("low", "medium", "high", "critical")
RULES = ("price_spike", "volume_spike", "rsi_overbought", "rsi_oversold")
"""The shipped rules but that of latency, which no model knows."""

_AVERAGED = 20
_NEAR = 1e-9
Severities = dict[str, str]


def indicators_of(series: ModelSeries) -> dict[int, dict[str, float]]:
    """Return the shipped indicators of the bars of a series, by their start."""
    close = np.array([series.bars[start].final.close for start in series.starts])
    columns = {f"sma_{period}": talib.SMA(close, period) for period in (20, 50, 200)}
    columns |= {f"ema_{period}": talib.EMA(close, period) for period in (12, 26)}
    columns["rsi_14"] = talib.RSI(close, 14)
    columns |= zip(("macd", "macd_signal", "macd_hist"), talib.MACD(close, 12, 26, 9), strict=True)
    columns |= zip(("bb_upper", "bb_middle", "bb_lower"), talib.BBANDS(close, 20, 2.0, 2.0), strict=True)
    return {
        start: {name: float(values[place]) for name, values in columns.items() if not np.isnan(values[place])}
        for place, start in enumerate(series.starts)
    }


def findings_of(closes: Sequence[float], volumes: Sequence[float]) -> Severities | None:
    """Return which rules hold for the last bar of a series, with their severities; None if it hangs by a hair."""
    found: Severities = {}
    close, volume = closes[-1], volumes[-1]
    hairs = []
    if len(closes) > _AVERAGED:
        average = sum(closes[-_AVERAGED - 1 : -1]) / _AVERAGED
        far = abs(close - average) / average
        hairs += [far - 0.05, far - 0.10]
        if far > 0.05:
            found["price_spike"] = "critical" if far > 0.10 else "high"
        times = volume / (sum(volumes[-_AVERAGED - 1 : -1]) / _AVERAGED)
        hairs += [times - 3, times - 5, times - 10]
        if times > 3:
            found["volume_spike"] = "high" if times > 10 else "medium" if times > 5 else "low"
    rsi = float(talib.RSI(np.array(closes), 14)[-1])
    if rsi > 70:
        found["rsi_overbought"] = "high" if rsi > 90 else "medium" if rsi > 80 else "low"
    if rsi < 30 and (rsi > 0 or close < closes[-2]):
        found["rsi_oversold"] = "high" if rsi < 10 else "medium" if rsi < 20 else "low"
    return None if any(abs(hair) < _NEAR for hair in hairs) else found


def holding(series: dict[tuple[str, str], ModelSeries]) -> dict[BarKey, Severities | None]:
    """Return what holds for each closed bar as it is in the end."""
    found: dict[BarKey, Severities | None] = {}
    for (symbol, window), own in series.items():
        finals = [own.bars[start].final for start in own.starts]
        closes, volumes = [bar.close for bar in finals], [bar.volume for bar in finals]
        for place, start in enumerate(own.closed, 1):
            found[symbol, window, start] = findings_of(closes[:place], volumes[:place])
    return found


def could_be_found(own: ModelSeries, start: int, trade_count: int, rule: str, severity: str) -> bool:
    """Say whether a rule held for a bar's revision, at some moment between this and the next one.

    Meanwhile late trades may have changed the bars before it.
    """
    bar = own.bars[start]
    first = bar.offsets[trade_count - 1]
    last = bar.offsets[trade_count] if trade_count < len(bar.offsets) else 2**62
    for offset in (first, last - 1, *own.changed_between(start, first, last)):
        found = findings_of(*own.at(start, offset))
        if found is None or found.get(rule) == severity:
            return True
    return False
