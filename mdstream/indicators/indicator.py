"""One configured indicator."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Indicator:
    """A TA-Lib function with its parameters and the names of what it gives.

    Attributes:
        function: TA-Lib's name, e.g. `BBANDS`.
        parameters: All of the function's parameters with their values, in TA-Lib's order.
        inputs: Columns of a bar that the function reads, in TA-Lib's order.
        columns: Column names of its results, in TA-Lib's order.
        lookback: Bars that pass before the first value.
        levels: Columns that hold a constant for rules, e.g. `rsi_14_overbought`, with their values.

    Example:
        >>> from mdstream.indicators import read_indicators
        >>> rsi, *_ = read_indicators("rsi(14)")
        >>> str(rsi), rsi.columns, rsi.lookback
        ('RSI(close, timeperiod=14)', ('rsi_14',), 14)
    """

    function: str
    parameters: tuple[tuple[str, int | float], ...]
    inputs: tuple[str, ...]
    columns: tuple[str, ...]
    lookback: int
    levels: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        """The function as one would call it, e.g. `RSI(close, timeperiod=14)`."""
        arguments = (*self.inputs, *(f"{name}={value:g}" for name, value in self.parameters))
        return f"{self.function}({', '.join(arguments)})"
