"""How the configured indicators are drawn; TA-Lib itself says what belongs on the prices and what is a histogram."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mdstream.indicators import Indicator
from mdstream.indicators.catalogue import Drawing
from mdstream.indicators.extension import function_of

_SHORT = {"BBANDS": "BB"}
_CONFIGURED_AS = {"bollinger": "bbands"}
_PRICES = frozenset({"open", "high", "low", "close"})


@dataclass(frozen=True)
class Line:
    """One series of a study.

    Attributes:
        column: Where its values are.
        drawing: How it is drawn.
    """

    column: str
    drawing: Drawing


@dataclass(frozen=True)
class Study:
    """One indicator as a chart shows it.

    Attributes:
        group: What it is switched on and off by: TA-Lib's function.
        label: What it is called, e.g. `SMA 20`.
        on_prices: Whether it lies over the candles; else it has a pane of its own.
        lines: Its series.
        levels: Constants to draw, e.g. overbought and oversold, the highest first.
    """

    group: str
    label: str
    on_prices: bool
    lines: tuple[Line, ...]
    levels: tuple[float, ...]


def study_of(indicator: Indicator) -> Study:
    """Return how an indicator is drawn.

    Example:
        >>> from mdstream.indicators import parse_indicators
        >>> study = study_of(parse_indicators({"macd": {"fast": 12, "slow": 26, "signal": 9}})[0])
        >>> study.label, study.on_prices, [(line.column, line.drawing) for line in study.lines]
        ('MACD 12 26 9', False, [('macd', 'line'), ('macd_signal', 'dashed'), ('macd_hist', 'histogram')])
    """
    function = function_of(indicator.function)
    name = _SHORT.get(function.name, function.name)
    # The two deviations of a band are one number to people.
    numbers = dict.fromkeys(value for name, value in indicator.parameters if not name.endswith("matype"))
    return Study(
        group=name,
        label=" ".join([name, *(f"{number:g}" for number in numbers)]),
        on_prices=function.on_prices and _PRICES.issuperset(indicator.inputs),
        lines=tuple(Line(*line) for line in zip(indicator.columns, function.drawn, strict=True)),
        levels=tuple(sorted((level for _, level in indicator.levels), reverse=True)),
    )


def groups_of(studies: Iterable[Study], shown: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the groups of the studies, and those of them that are shown until others are picked.

    Args:
        studies: All that can be shown.
        shown: Functions as `technical_indicators` names them.

    Example:
        >>> from mdstream.indicators import parse_indicators
        >>> studies = map(study_of, parse_indicators({"bollinger": {}, "rsi": {}}))
        >>> groups_of(studies, ["bollinger", "macd"])
        (['BB', 'RSI'], ['BB'])
    """
    wanted = {_CONFIGURED_AS.get(name.lower(), name.lower()).upper() for name in shown}
    names = {_SHORT.get(name, name) for name in wanted}
    groups = list(dict.fromkeys(study.group for study in studies))
    return groups, [group for group in groups if group in names]
