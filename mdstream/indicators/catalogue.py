"""What TA-Lib can compute, asked from TA-Lib itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import talib
import talib.abstract
from numpy.typing import NDArray

BAR_SERIES = ("open", "high", "low", "close", "volume")
"""The columns of a bar that TA-Lib's functions read."""

# TA-Lib's stubs lack what describes the library: these are the only places that ask it.
_MA_TYPE: Any = talib.MA_Type  # type: ignore[attr-defined]

MA_TYPES: dict[str, int] = {name.lower(): getattr(_MA_TYPE, name) for name in dir(type(_MA_TYPE)) if name.isupper()}
"""TA-Lib's kinds of moving average, as its `matype` parameters count them."""

Drawing = Literal["line", "dashed", "histogram", "upper", "lower"]
"""How a series is drawn; `upper` and `lower` are the limits of a band."""

_DRAWINGS: dict[str, Drawing] = {
    "Dashed Line": "dashed",
    "Histogram": "histogram",
    "Output is a candlestick": "histogram",
    "Values represent an upper limit": "upper",
    "Values represent a lower limit": "lower",
}

_MOST = 2**31 - 1


@dataclass(frozen=True)
class Function:
    """One function of TA-Lib, or of a package that adds it: see `mdstream.indicators.extension`.

    Attributes:
        name: TA-Lib's name, e.g. `STOCH`.
        prices: Inputs that may be any series of a bar, with the one TA-Lib reads unless told otherwise.
        inputs: All inputs in TA-Lib's order: keys of `prices`, or series that are fixed.
        defaults: Parameters in TA-Lib's order with their defaults; whole numbers are ints.
        outputs: TA-Lib's names of the results.
        path_dependent: Whether every value depends on all bars before it, as a running total does.
        on_prices: Whether the results have the scale of the inputs, as an average of prices has.
        drawn: How each of `outputs` is usually drawn.
    """

    name: str
    prices: dict[str, str]
    inputs: tuple[str, ...]
    defaults: dict[str, int | float]
    outputs: tuple[str, ...]
    path_dependent: bool
    on_prices: bool
    drawn: tuple[Drawing, ...]

    @property
    def owner(self) -> str:
        """Who computes it, in messages."""
        return "TA-Lib"

    def lookback(self, parameters: Mapping[str, int | float]) -> int | None:
        """Return how many bars pass before the first value; None if TA-Lib does not take these parameters."""
        try:
            bars: int = _described(self.name, **parameters).lookback
        except OverflowError:
            return None
        return bars if bars >= 0 else None

    def values(
        self, inputs: Sequence[NDArray[np.float64]], parameters: Mapping[str, int | float]
    ) -> Sequence[NDArray[Any]]:
        """Compute an array for each of `outputs`, all as long as the inputs."""
        result = getattr(talib, self.name)(*inputs, *parameters.values())
        return result if isinstance(result, tuple) else (result,)

    def whole_range(self, parameter: str) -> tuple[int, int] | None:
        """Return the smallest and largest value that TA-Lib takes for a whole parameter, if it takes any."""
        smallest = next((value for value in range(100) if self.lookback({parameter: value}) is not None), None)
        if smallest is None:
            return None
        low, high = smallest, _MOST + 1
        while high - low > 1:
            middle = (low + high) // 2
            if self.lookback({parameter: middle}) is None:
                high = middle
            else:
                low = middle
        return smallest, low


@cache
def functions() -> dict[str, Function]:
    """Return all functions of the TA-Lib that is installed, by name in lower case."""
    return {name.lower(): _function(name) for name in talib.get_functions()}  # type: ignore[no-untyped-call]


def _described(name: str, **parameters: int | float) -> Any:  # noqa: ANN401
    return talib.abstract.Function(name, **parameters)  # type: ignore[attr-defined]


def _function(name: str) -> Function:
    described = _described(name)
    prices: dict[str, str] = {}
    inputs: list[str] = []
    for key, series in described.input_names.items():
        if isinstance(series, str):
            prices[key] = series
            inputs.append(key)
        else:
            inputs.extend(series)
    return Function(
        name=name,
        prices=prices,
        inputs=tuple(inputs),
        defaults=dict(described.parameters),
        outputs=tuple(described.output_names),
        path_dependent="Output is path-dependent" in (described.function_flags or ()),
        on_prices="Output scale same as input" in (described.function_flags or ()),
        drawn=tuple(_drawing(described, output) for output in described.output_names),
    )


def _drawing(described: Any, output: str) -> Drawing:  # noqa: ANN401
    flags = [*described.output_flags[output], *(described.function_flags or ())]
    return next((drawing for flag, drawing in _DRAWINGS.items() if flag in flags), "line")
