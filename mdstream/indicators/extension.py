"""Indicators that packages add, beside the functions of TA-Lib."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mdstream.errors import ExtensionError
from mdstream.extensions import INDICATORS
from mdstream.indicators.catalogue import BAR_SERIES, Drawing, Function, functions
from mdstream.indicators.indicator import Indicator

_MOST = 2**31 - 1
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class IndicatorExtension:
    """An indicator that is found by name: what an entry point of the group `mdstream.indicators` gives.

    It is configured as TA-Lib's functions are, by the name of the entry point under `technical_indicators`, and has
    the same columns wherever bars are analysed. It is Python: the live engine, which is Java, leaves all indicators and
    anomalies to the job `analytics` where one is configured, which takes seconds instead of milliseconds.

    Attributes:
        compute: Takes an array for each of `inputs`, in that order and of one symbol and window in time order, and the
            parameters by name. Returns an array as long, NaN where there is no value, or a tuple of them, one for each
            of `outputs`. A bar's value may depend on that bar and those before it alone.
        inputs: Series of a bar that it reads: open, high, low, close, volume.
        lookback: Returns from the parameters how many bars pass before the first value.
        parameters: Parameters with their defaults; those whose default is an int are whole numbers of 1 and more. One
            that is called `timeperiod` may be given as `period` and `periods`, and is in the column's name.
        outputs: Names of the results. The column of a single one is named after the indicator alone.
        path_dependent: Whether every value depends on all bars before it, as a running total does.
        on_prices: Whether the results have the scale of prices, and are drawn over the candles.
        drawn: How each of `outputs` is drawn; as lines unless said.

    Example:
        >>> INDICATOR = IndicatorExtension(
        ...     compute=lambda high, low: high - low, inputs=("high", "low"), lookback=lambda parameters: 0
        ... )
    """

    compute: Callable[..., NDArray[np.float64] | tuple[NDArray[np.float64], ...]]
    inputs: tuple[str, ...]
    lookback: Callable[[Mapping[str, int | float]], int]
    parameters: Mapping[str, int | float] = field(default_factory=dict)
    outputs: tuple[str, ...] = ("real",)
    path_dependent: bool = False
    on_prices: bool = False
    drawn: tuple[Drawing, ...] = ()


@dataclass(frozen=True)
class _OwnFunction(Function):
    """A function of a package.

    Attributes:
        package: Where it comes from.
        extension: What it is.
    """

    package: str
    extension: IndicatorExtension

    @property
    def owner(self) -> str:
        """Who computes it, in messages."""
        return f"the package {self.package}"

    def lookback(self, parameters: Mapping[str, int | float]) -> int | None:
        """Return how many bars pass before the first value; None if it does not take these parameters."""
        given = {**self.defaults, **parameters}
        if any(isinstance(self.defaults[name], int) and value < 1 for name, value in given.items()):
            return None
        bars = int(self.extension.lookback(given))
        return bars if bars >= 0 else None

    def whole_range(self, parameter: str) -> tuple[int, int] | None:  # noqa: ARG002
        """Return the smallest and largest value that a whole parameter may have."""
        return 1, _MOST

    def values(
        self, inputs: Sequence[NDArray[np.float64]], parameters: Mapping[str, int | float]
    ) -> Sequence[NDArray[Any]]:
        """Compute an array for each of `outputs`, all as long as the inputs.

        Raises:
            ExtensionError: What it gives is something else.
        """
        result = self.extension.compute(*inputs, **parameters)
        arrays = result if isinstance(result, tuple) else (result,)
        lengths = [len(array) for array in arrays]
        if lengths != [len(inputs[0])] * len(self.outputs):
            raise ExtensionError(
                f"the indicator {self.name.lower()} of {self.owner} gave arrays of {lengths} values for "
                f"{len(inputs[0])} bars; expected {len(self.outputs)} as long as the bars"
            )
        return arrays


def function_of(name: str) -> Function:
    """Return the function of TA-Lib, or of a package, that an indicator was configured with.

    Args:
        name: `Indicator.function`.

    Raises:
        ExtensionError: It is not installed here.
    """
    function = find_function(name.lower())
    if function is None:
        raise ExtensionError(INDICATORS.unknown(name.lower()))
    return function


def find_function(name: str) -> Function | None:
    """Return the function by this name in lower case, None if there is none; TA-Lib's go first.

    Raises:
        ExtensionError: A package has it, and it cannot be used.
    """
    known = functions().get(name)
    if known is None and name in INDICATORS.installed():
        return _own_function(name)
    return known


def known_functions() -> list[str]:
    """Return the names of all functions, in lower case."""
    return [*functions(), *INDICATORS.installed()]


def runs_in_engine(indicators: Iterable[Indicator]) -> bool:
    """Whether the live engine can compute them: those of TA-Lib alone.

    Example:
        >>> from mdstream.indicators import parse_indicators
        >>> runs_in_engine(parse_indicators({"rsi": {}}))
        True
    """
    return all(indicator.function.lower() in functions() for indicator in indicators)


@cache
def _own_function(name: str) -> Function:
    extension, package = INDICATORS.load(name, IndicatorExtension), INDICATORS.installed()[name]
    unknown = [series for series in extension.inputs if series not in BAR_SERIES]
    if unknown or not extension.inputs or not _NAME.fullmatch(name):
        raise ExtensionError(
            f"the indicator {name} of the package {package} cannot be used: expected a name of lower-case letters, "
            f"digits and underscores, and inputs that are of {', '.join(BAR_SERIES)}; found {extension.inputs}"
        )
    lines: tuple[Drawing, ...] = tuple("line" for _ in extension.outputs)
    return _OwnFunction(
        name=name.upper(),
        prices={},
        inputs=extension.inputs,
        defaults=dict(extension.parameters),
        outputs=extension.outputs,
        path_dependent=extension.path_dependent,
        on_prices=extension.on_prices,
        drawn=extension.drawn or lines,
        package=package,
        extension=extension,
    )
