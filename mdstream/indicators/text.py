"""Indicators written as text, as one would call them: `rsi(14)`, `macd(12, 26, 9)`, `sma(50, price=volume)`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from mdstream.errors import ConfigError, did_you_mean
from mdstream.indicators.configuration import function_named, names_of_functions, parse_indicators
from mdstream.indicators.indicator import Indicator
from mdstream.indicators.naming import refuse_clashes

IndicatorsLike: TypeAlias = Mapping[str, object] | str | Sequence[Indicator | str]
"""Indicators in any of the forms that are taken: a configuration, text, or a list of indicators and texts."""

_CALL = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*(?:\(([^()]*)\))?\s*")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_BETWEEN = re.compile(r",(?![^(]*\))")
_ALMOST = re.compile(r"\s*([A-Za-z][A-Za-z0-9]*?)[\s_:=([-]*([0-9][0-9.,\s_-]*)?[\s)\]]*")


def read_indicators(given: IndicatorsLike) -> tuple[Indicator, ...]:
    """Return indicators from any of the forms that they may be given in.

    Args:
        given: A mapping as in the configuration, see `parse_indicators`; or a text such as `rsi(14)` or
            `sma(20), ema(12)`; or a list of such texts and of indicators. In a text the values stand in TA-Lib's
            order, or behind their names: `bbands(20, stddev=2)`.

    Raises:
        ConfigError: A text is not of that form (the message shows the nearest that is), a function or parameter is
            unknown, a value cannot be used, or two columns have one name.

    Example:
        >>> [i.columns[0] for i in read_indicators(["rsi(14)", "macd", "sma(50, price=volume)"])]
        ['rsi_14', 'macd', 'sma_50_volume']
        >>> read_indicators("rsi14")
        Traceback (most recent call last):
        mdstream.errors.ConfigError: indicator 'rsi14' is not a function with its parameters; did you mean 'rsi(14)'?
    """
    if isinstance(given, Mapping):
        return parse_indicators(given)
    listed = [given] if isinstance(given, str) else list(given)
    ready = tuple(each for each in listed if isinstance(each, Indicator))
    uses: dict[str, list[object]] = {}
    for each in listed:
        if isinstance(each, Indicator):
            continue
        if not isinstance(each, str):
            raise ConfigError(f"found {each!r:.80}; expected an indicator or its text, e.g. 'rsi(14)'")
        for call in _BETWEEN.split(each):
            name, parameters = _read(call)
            uses.setdefault(name, []).append(parameters)
    indicators = (*ready, *parse_indicators(uses))
    refuse_clashes(column for each in indicators for column in (*each.columns, *dict(each.levels)))
    return indicators


def _read(text: str) -> tuple[str, dict[str, object]]:
    match = _CALL.fullmatch(text)
    if match is None or match[1].lower() not in names_of_functions():
        raise ConfigError(f"indicator {text.strip()!r:.80} is not a function with its parameters; {_nearest(text)}")
    name = match[1].lower()
    parts = [part.strip() for part in (match[2] or "").split(",")]
    return name, _parameters(text.strip(), name, parts if parts != [""] else [])


def _parameters(text: str, name: str, parts: Sequence[str]) -> dict[str, object]:
    order = list(function_named(name).defaults)
    parameters: dict[str, object] = {}
    for place, part in enumerate(parts):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            if any("=" in before for before in parts[:place]):
                raise ConfigError(f"indicator {text!r:.80} has {key} behind a named value; expected a name for it too")
            if place >= len(order):
                expected = f"{name}({', '.join(f'{each}=…' for each in order)})" if order else name
                raise ConfigError(f"indicator {text!r:.80} has more values than parameters; expected {expected}")
            key, value = order[place], key
        if key in parameters:
            raise ConfigError(f"indicator {text!r:.80} has {key} twice; expected it once")
        if not value:
            raise ConfigError(f"indicator {text!r:.80} has no value for {key}; expected e.g. {name}({key}=14)")
        parameters[key] = _value(value)
    return parameters


def _value(text: str) -> object:
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text.strip("'\"")


def _nearest(text: str) -> str:
    """Return a hint: what was written, with parentheses where they belong and the nearest function's name."""
    known = names_of_functions()
    call, almost = _CALL.fullmatch(text), _ALMOST.fullmatch(text)
    if call is not None and call[2] is not None:
        name, values = call[1].lower(), call[2]
    elif almost is not None:
        name, values = almost[1].lower(), ", ".join(re.findall(r"[0-9]+(?:\.[0-9]+)?", almost[2] or ""))
    else:
        return "expected e.g. 'rsi(14)', 'macd(12, 26, 9)' or 'bbands(20, stddev=2)'"
    if name not in known:
        hint = did_you_mean(name, known)
        if not hint.startswith("did"):
            return "expected the name of one of TA-Lib's functions, e.g. 'rsi(14)'"
        name = hint.split("'")[1]
    return f"did you mean '{name}({values})'?" if values else f"did you mean '{name}'?"
