"""Values of indicators and of what anomaly rules compare with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mdstream.indicators.extension import function_of
from mdstream.indicators.indicator import Indicator

Values = NDArray[np.float64]

AVERAGED_BARS = 20
"""How many bars before it a bar is compared with."""

RULE_FIELDS: tuple[pa.Field, ...] = tuple(
    pa.field(name, pa.float64(), nullable=True, metadata={"comment": comment})
    for name, comment in (
        (f"average_close_{AVERAGED_BARS}", f"mean close of the {AVERAGED_BARS} bars before this one"),
        (f"average_volume_{AVERAGED_BARS}", f"mean volume of the {AVERAGED_BARS} bars before this one"),
        ("previous_close", "close of the bar before this one"),
    )
)
"""Columns that are there for rules; null while there are too few bars."""

LATENCY = pa.field(
    "latency_ms",
    pa.float64(),
    nullable=True,
    metadata={"comment": "milliseconds from the ingest of the bar's last trade to its record in Kafka"},
)
"""What the stream knows of a bar besides its record; null of bars that did not come through it."""


def indicator_values(indicators: Iterable[Indicator], bars: Mapping[str, Values], first: int = 0) -> dict[str, Values]:
    """Compute indicators over one series of bars.

    Args:
        indicators: What to compute.
        bars: Of one symbol and window, in time order and without gaps in the arrays: `open`, `high`, `low`, `close`
            and `volume` as far as the indicators read them. A NaN in them makes all later values of most
            functions NaN.
        first: Place of the first bar whose values are asked for; those before it are only computed from.

    Returns:
        One array a column, as long as the input from `first` on. NaN where there is no value: while warming up, and
        where TA-Lib gives none or an infinite one.

    Example:
        >>> from mdstream.indicators import parse_indicators
        >>> bars = {"close": np.array([1.0, 2.0, 4.0])}
        >>> indicator_values(parse_indicators({"sma": {"period": 2}}), bars)
        {'sma_2': array([nan, 1.5, 3. ])}
    """
    arrays = {name: np.ascontiguousarray(values, dtype=np.float64) for name, values in bars.items()}
    results = [(indicator, _outputs(indicator, arrays)) for indicator in indicators]
    columns = [column for indicator, _ in results for column in indicator.columns]
    rows = max((len(values) for values in arrays.values()), default=0) - first
    # One array for all, because each call of numpy costs as much as computing an indicator of 600 bars.
    matrix = np.full((len(columns), rows), np.nan)
    place = 0
    for indicator, outputs in results:
        # Functions with whole results fill the start with zeros, which would read as "no pattern here".
        begin = max(indicator.lookback - first, 0)
        for output in outputs:
            matrix[place, begin:] = output[first + begin :]
            place += 1
    matrix[~np.isfinite(matrix)] = np.nan
    return dict(zip(columns, matrix, strict=True))


def rule_values(bars: Mapping[str, Values]) -> dict[str, Values]:
    """Compute the columns `RULE_FIELDS` over one series of bars, NaN while there are too few.

    Args:
        bars: `close` and `volume` of one symbol and window, in time order.

    Example:
        >>> rule_values({"close": np.array([1.0, 2.0]), "volume": np.array([5.0, 5.0])})["previous_close"]
        array([nan,  1.])
    """
    columns = (_mean_before(bars["close"]), _mean_before(bars["volume"]), _shifted(bars["close"], 1))
    return dict(zip((field.name for field in RULE_FIELDS), columns, strict=True))


def _outputs(indicator: Indicator, bars: Mapping[str, Values]) -> Sequence[NDArray[Any]]:
    inputs = [bars[name] for name in indicator.inputs]
    if len(inputs[0]) <= indicator.lookback:
        return [inputs[0]] * len(indicator.columns)  # of which nothing lies behind the lookback
    return function_of(indicator.function).values(inputs, dict(indicator.parameters))


def _mean_before(values: Values) -> Values:
    means = np.full(len(values), np.nan)
    if len(values) > AVERAGED_BARS:
        # One after the other, as the live engine adds them up: the same to the last bit.
        count = len(values) - AVERAGED_BARS
        total = values[:count].copy()
        for offset in range(1, AVERAGED_BARS):
            total += values[offset : offset + count]
        means[AVERAGED_BARS:] = total / AVERAGED_BARS
    return means


def _shifted(values: Values, bars: int) -> Values:
    shifted = np.full(len(values), np.nan)
    shifted[bars:] = values[: len(values) - bars]
    return shifted
