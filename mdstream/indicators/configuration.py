"""From what is configured to indicators."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterator, Mapping

from mdstream.errors import ConfigError, did_you_mean
from mdstream.extensions import INDICATORS
from mdstream.indicators.catalogue import BAR_SERIES, MA_TYPES, Function
from mdstream.indicators.extension import find_function, function_of, known_functions
from mdstream.indicators.indicator import Indicator
from mdstream.indicators.naming import PERIOD, Variant, columns_of, refuse_clashes, stem_of

LEVELS = ("overbought", "oversold")
"""Parameters that are not TA-Lib's: levels for rules to compare with."""

_FUNCTIONS_AS_USERS_SAY = {"bollinger": "bbands"}
_PERIODS = "periods"
_PARAMETERS_AS_USERS_SAY = {
    "period": (PERIOD,),
    "fast": ("fastperiod",),
    "slow": ("slowperiod",),
    "signal": ("signalperiod",),
    "stddev": ("nbdevup", "nbdevdn"),
}


def parse_indicators(configuration: Mapping[str, object]) -> tuple[Indicator, ...]:
    """Read indicators from the configuration section `technical_indicators`.

    Args:
        configuration: Parameters by function. A function is any of TA-Lib's by its name in any case,
            `bollinger` for BBANDS, or one that an installed package adds. Parameters are TA-Lib's own; besides,
            `period` is timeperiod, `periods` a list of them, `fast`, `slow` and `signal` are those periods, `stddev` is
            nbdevup and nbdevdn, a `matype` may be a name such as `ema`, `price` (`price0`, `price1`) is the series to
            compute from, e.g. `volume`, and `overbought` and `oversold` are levels for rules. Several uses of one
            function are a list.

    Returns:
        The indicators in the order configured. Columns are named after the function and its period, `sma_20`; of
        several results, after the function and the result, `macd_signal`; other parameters are in the name where
        one function is used more than once.

    Raises:
        ConfigError: A function or parameter is unknown, a value cannot be used, or two columns have one name.

    Example:
        >>> [i.columns for i in parse_indicators({"sma": {"periods": [20, 50]}, "bollinger": {"stddev": 2}})]
        [('sma_20',), ('sma_50',), ('bb_upper', 'bb_middle', 'bb_lower')]
    """
    uses: dict[str, list[Variant]] = {}
    for name, content in configuration.items():
        function = function_named(name)
        uses.setdefault(function.name, []).extend(
            variant for settings in _each(name, content) for variant in _variants(name, function, settings)
        )
    indicators = tuple(
        _indicator(function_of(name), variant, variants) for name, variants in uses.items() for variant in variants
    )
    refuse_clashes(column for i in indicators for column in (*i.columns, *dict(i.levels)))
    return indicators


def function_named(name: object) -> Function:
    """Return a function by its name in any case.

    Raises:
        ConfigError: There is none of this name, or it needs a series that bars do not have.
    """
    if not isinstance(name, str):
        raise ConfigError(f"{_shown(name)} is not a function; expected the name of one of TA-Lib's, e.g. sma")
    asked = name.lower()
    function = find_function(_FUNCTIONS_AS_USERS_SAY.get(asked, asked))
    if function is None:
        nearest = did_you_mean(asked, names_of_functions())
        raise ConfigError(f"{_shown(name)} is not a TA-Lib function{_own_functions()}; {nearest}")
    unknown = [series for series in function.prices.values() if series not in BAR_SERIES]
    if unknown:
        raise ConfigError(f"{asked} needs a series of {unknown[0]}, which bars do not have; expected another function")
    return function


def names_of_functions() -> list[str]:
    """Return the names that functions may be called by."""
    return [*known_functions(), *_FUNCTIONS_AS_USERS_SAY]


def _own_functions() -> str:
    own = sorted(INDICATORS.installed())
    return f", nor one of an installed package ({', '.join(own)})" if own else ""


def _each(name: str, content: object) -> Iterator[Mapping[object, object]]:
    uses = content if isinstance(content, list | tuple) else [content]
    if not uses:
        raise ConfigError(f"{name}: found an empty list; expected parameters, or none of the function at all")
    for settings in uses:
        if settings is not None and not isinstance(settings, Mapping):
            raise ConfigError(f"{name}: found {_shown(settings)}; expected parameters, e.g. {{period: 14}}")
        yield settings or {}


def _variants(name: str, function: Function, settings: Mapping[object, object]) -> Iterator[Variant]:
    given = dict(settings)
    if _PERIODS not in given or PERIOD not in function.defaults:
        yield _variant(name, function, given)
        return
    periods = given.pop(_PERIODS)
    if not isinstance(periods, list | tuple) or not periods:
        raise ConfigError(f"{name}: {_PERIODS} is {_shown(periods)}; expected a list of periods, e.g. [20, 50]")
    if "period" in given or PERIOD in given:
        raise ConfigError(f"{name}: the period is given twice; expected either period or {_PERIODS}")
    for period in periods:
        yield _variant(name, function, {**given, PERIOD: period})


def _variant(name: str, function: Function, given: Mapping[object, object]) -> Variant:
    parameters = dict(function.defaults)
    prices = dict(function.prices)
    levels: dict[str, float] = {}
    seen: set[str] = set()
    for key, value in given.items():
        targets = _targets(name, function, key)
        if not seen.isdisjoint(targets):
            raise ConfigError(f"{name}: {key} is given twice, once under another name; expected it once")
        seen.update(targets)
        where = f"{name}: {key}"
        for target in targets:
            if target in LEVELS:
                levels[target] = _number(where, value)
            elif target in prices:
                prices[target] = _series(where, value)
            else:
                parameters[target] = _parameter(where, function, target, value)
    if levels.get("oversold", -math.inf) >= levels.get("overbought", math.inf):
        raise ConfigError(f"{name}: oversold is {levels['oversold']:g}; expected less than overbought")
    return Variant(parameters, prices, levels)


def _targets(name: str, function: Function, key: object) -> tuple[str, ...]:
    own = {*function.defaults, *function.prices, *LEVELS}
    said = {word: real for word, real in _PARAMETERS_AS_USERS_SAY.items() if own.issuperset(real)}
    if isinstance(key, str):
        if key in own:
            return (key,)
        if key in said:
            return said[key]
    known = [*own, *said, *([_PERIODS] if PERIOD in own else [])]
    raise ConfigError(f"{name}: unknown parameter {_shown(key)}; {did_you_mean(str(key), known)}")


def _parameter(where: str, function: Function, parameter: str, value: object) -> int | float:
    default = function.defaults[parameter]
    if isinstance(value, str) and parameter.endswith("matype"):
        if value.lower() not in MA_TYPES:
            raise ConfigError(f"{where} is {_shown(value)}; {did_you_mean(value.lower(), MA_TYPES)}")
        return MA_TYPES[value.lower()]
    if isinstance(default, float):
        number = _number(where, value)
        if function.lookback({parameter: number}) is None:
            raise ConfigError(
                f"{where} is {number:g}, which {function.owner} does not take; expected e.g. its default {default:g}"
            )
        return number
    # TA-Lib reads the smallest of all integers as "the default", so what is below zero is not asked.
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or value < 0
        or function.lookback({parameter: value}) is None
    ):
        smallest, largest = function.whole_range(parameter) or (default, default)
        raise ConfigError(f"{where} is {_shown(value)}; expected a whole number from {smallest} to {largest}")
    return value


def _number(where: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise ConfigError(f"{where} is {_shown(value)}; expected a number")


def _series(where: str, value: object) -> str:
    if value in BAR_SERIES:
        return str(value)
    raise ConfigError(f"{where} is {_shown(value)}; expected one of {', '.join(BAR_SERIES)}")


def _indicator(function: Function, variant: Variant, variants: list[Variant]) -> Indicator:
    stem = stem_of(function, variant, variants)
    lookback = function.lookback(variant.parameters)
    if lookback is None:
        found = ", ".join(f"{name} {value:g}" for name, value in variant.parameters.items())
        raise ConfigError(
            f"{function.name.lower()}: {function.owner} does not take these together: {found}; expected others"
        )
    return Indicator(
        function=function.name,
        parameters=tuple(variant.parameters.items()),
        inputs=tuple(variant.prices.get(name, name) for name in function.inputs),
        columns=columns_of(function, stem),
        lookback=lookback,
        levels=tuple((f"{stem}_{level}", value) for level, value in variant.levels.items()),
    )


def _shown(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a number of {value.bit_length()} bits"
    return reprlib.repr(value)
