"""Whether what came is the record that it should be: every consumer asks here before it uses one.

All is derived from the declarations in `mdstream.schemas.records`, but for the shapes of a few texts.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
import pyarrow as pa

from mdstream.errors import InvalidInputError
from mdstream.schemas.limits import (
    ANY_TEXT,
    LAST_MICROSECOND,
    MAX_CONDITIONS,
    MAX_PAYLOAD_BYTES,
    SYMBOL_PATTERN,
    TEXT_PATTERN,
)
from mdstream.schemas.patterns import PATTERNS
from mdstream.schemas.records import Record
from mdstream.schemas.symbols import SYMBOL_WORDS

MAX_AHEAD_SECONDS = 86_400
"""No clock of ours is further ahead. A record of a later time would be the newest one until that time comes."""

MAX_HORIZON_MINUTES = 525_600
"""Longest way into the future of a forecast: a year."""

_MICROSECONDS = 1_000_000
_AHEAD_BY_NATURE = {
    "window_end": LAST_MICROSECOND,
    "target_time": (MAX_AHEAD_SECONDS + 60 * MAX_HORIZON_MINUTES) * _MICROSECONDS,
}
_RANGES = {"horizon_minutes": (1, MAX_HORIZON_MINUTES), "trade_count": (0, 2**63 - 1)}
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")
_LONGEST_SHOWN = 40
_TEXT = re.compile(TEXT_PATTERN)


class MalformedRecordError(InvalidInputError):
    """What came is not the record that was expected; the message says which field of it is wrong."""


class RecordCheck:
    """Reads one kind of record, and refuses what is none: types, missing fields, symbols, sizes and times.

    Fields that the declaration does not have are left alone: a later version may have written them.

    Args:
        record: The declaration.

    Example:
        >>> from mdstream.schemas import TICK
        >>> tick = {"symbol": "AAPL", "price": 1.5, "size": 2.0, "event_time": 1_767_364_200_000_000}
        >>> RecordCheck(TICK).read(orjson.dumps(tick)) == tick
        True
        >>> RecordCheck(TICK).check(tick | {"price": "1.5"})
        Traceback (most recent call last):
        mdstream.schemas.checking.MalformedRecordError: price of a tick is '1.5'; expected a number
    """

    def __init__(self, record: Record) -> None:
        self._one = record.one
        self._fields = tuple((field.name, field.nullable, _problem_finder(field)) for field in record.schema)

    def read(self, value: bytes | None) -> dict[str, Any]:
        """Return the fields of a record as its topic has it: times are epoch microseconds.

        Raises:
            MalformedRecordError: It is not such a record.
        """
        if value is None or len(value) > MAX_PAYLOAD_BYTES:
            found = "nothing" if value is None else f"{len(value)} bytes"
            raise MalformedRecordError(f"expected {self._one} of at most {MAX_PAYLOAD_BYTES} bytes, found {found}")
        try:
            parsed = orjson.loads(value)
        except orjson.JSONDecodeError as exc:
            raise MalformedRecordError(f"expected the JSON of {self._one}: {exc.msg}") from exc
        return self.check(parsed)

    def check(self, fields: object) -> dict[str, Any]:
        """Return fields that were parsed already; numbers that JSON has no words for are null.

        Raises:
            MalformedRecordError: They are not such a record.
        """
        if not isinstance(fields, dict):
            raise MalformedRecordError(f"expected the fields of {self._one}, found a {type(fields).__name__}")
        now = time.time_ns() // 1_000
        for name, nullable, problem_with in self._fields:
            found = fields.get(name)
            if found is None:
                if not nullable:
                    raise MalformedRecordError(f"{name} of {self._one} is missing")
            elif (expected := problem_with(found, now)) is not None:
                # Spark writes what is not a number in quotes.
                if nullable and expected == _NUMBER and found in _NOT_FINITE:
                    fields[name] = None
                    continue
                raise MalformedRecordError(f"{name} of {self._one} is {_shown(found)}; expected {expected}")
        return fields


_Problem = Callable[[Any, int], str | None]
_NUMBER = "a number"


def _problem_finder(field: pa.Field) -> _Problem:
    """Return what says of a value, at a time in epoch microseconds, what was expected instead; None if it is right."""
    if pa.types.is_timestamp(field.type):
        return _time(_AHEAD_BY_NATURE.get(field.name, MAX_AHEAD_SECONDS * _MICROSECONDS))
    if pa.types.is_integer(field.type):
        most = 2 ** (field.type.bit_width - 1) - 1
        return _integer(*_RANGES.get(field.name, (-most - 1, most)))
    if pa.types.is_list(field.type):
        return _texts
    if pa.types.is_string(field.type):
        return _text(PATTERNS.get(field.name))
    return _OTHERS[field.type]


def _time(ahead: int) -> _Problem:
    def problem(found: Any, now: int) -> str | None:  # noqa: ANN401 any JSON
        if type(found) is int and 0 <= found <= LAST_MICROSECOND and found <= now + ahead:
            return None
        return f"epoch microseconds, at most {ahead // _MICROSECONDS} s ahead of now"

    return problem


def _integer(least: int, most: int) -> _Problem:
    def problem(found: Any, _: int) -> str | None:  # noqa: ANN401 any JSON
        return None if type(found) is int and least <= found <= most else f"an integer from {least} to {most}"

    return problem


def _text(pattern: str | None) -> _Problem:
    shape = re.compile(pattern or ANY_TEXT)
    expected = SYMBOL_WORDS if pattern == SYMBOL_PATTERN else f"text like {shape.pattern}"

    def problem(found: Any, _: int) -> str | None:  # noqa: ANN401 any JSON
        if type(found) is str and shape.fullmatch(found):
            return None
        return "text" if pattern is None else expected

    return problem


def _texts(found: Any, _: int) -> str | None:  # noqa: ANN401 any JSON
    is_list = type(found) is list and len(found) <= MAX_CONDITIONS
    if is_list and all(type(text) is str and _TEXT.fullmatch(text) for text in found):
        return None
    return f"a list of at most {MAX_CONDITIONS} texts like {TEXT_PATTERN}"


def _number(found: Any, _: int) -> str | None:  # noqa: ANN401 any JSON
    # No JSON of ours has larger integers, nor can orjson write them.
    return None if type(found) is float or (type(found) is int and abs(found) < 2**63) else _NUMBER


def _truth(found: Any, _: int) -> str | None:  # noqa: ANN401 any JSON
    return None if type(found) is bool else "true or false"


_OTHERS: Mapping[pa.DataType, _Problem] = {pa.float64(): _number, pa.bool_(): _truth}


def _shown(found: object) -> str:
    text = repr(found)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
