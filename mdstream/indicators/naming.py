"""Names of indicator columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from mdstream.errors import ConfigError
from mdstream.indicators.catalogue import MA_TYPES, Function
from mdstream.indicators.records import analysed_schema

PERIOD = "timeperiod"

_SHORT = {"BBANDS": "bb"}
_TAKEN = frozenset(analysed_schema(()).names)


@dataclass(frozen=True)
class Variant:
    """One use of a function.

    Attributes:
        parameters: All parameters with their values.
        prices: The inputs that may be chosen, with the series chosen.
        levels: Constants for rules, by name.
    """

    parameters: dict[str, int | float]
    prices: dict[str, str]
    levels: dict[str, float]


def stem_of(function: Function, variant: Variant, variants: Sequence[Variant]) -> str:
    """Return the name of one use of a function: `rsi_14`, `bb`, `macd_5_35` beside another `macd_12_26`.

    It is the function's name, the period if there is one result, the parameters in which this function's uses
    differ, and the series if they are not the ones TA-Lib reads by itself.
    """
    named = [
        name
        for name, value in variant.parameters.items()
        if (name == PERIOD and len(function.outputs) == 1) or any(other.parameters[name] != value for other in variants)
    ]
    series = variant.prices.values() if variant.prices != function.prices else ()
    name = _SHORT.get(function.name, function.name.lower())
    return "_".join([name, *(_as_name(each, variant.parameters[each]) for each in named), *series])


def columns_of(function: Function, stem: str) -> tuple[str, ...]:
    """Return the column names of a function's results: the stem alone for one, else with what each is.

    A name that a bar's own column has, as that of TA-Lib's VWAP, gets `ta_` in front.
    """
    if len(function.outputs) == 1:
        names = [stem]
    else:
        parts = (_part_of(function, output) for output in function.outputs)
        names = [f"{stem}_{part}" if part else stem for part in parts]
    return tuple(f"ta_{name}" if name in _TAKEN else name for name in names)


def refuse_clashes(names: Iterable[str]) -> None:
    """Refuse two columns of one name.

    Raises:
        ConfigError: There are such.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConfigError(f"two indicators would have a column named {name}; expected different names")
        if name in _TAKEN:
            raise ConfigError(f"an indicator would have a column named {name}, which every analysed bar has already")
        seen.add(name)


def _part_of(function: Function, output: str) -> str:
    own = function.name.lower()
    part = output.removeprefix(own) if output.startswith(own) else output
    return part.removesuffix("band")


def _as_name(parameter: str, value: int | float) -> str:
    if parameter.endswith("matype"):
        return next(name for name, number in MA_TYPES.items() if number == value)
    text = format(Decimal(repr(value)), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "minus").replace(".", "_")
