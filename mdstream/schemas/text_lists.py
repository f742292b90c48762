"""Lists of codes and of symbols in text, in whatever form their writers use.

One grammar for files, Kafka, settings and the command line. The patterns use only what Python and Java (Spark) read
alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_BARE = r"""[^\s,;|"'\[\](){}\\]+"""
_IN_QUOTES = r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'"""
ITEM_PATTERN = rf"(?:{_IN_QUOTES}|{_BARE})"
"""One item of a list in text, with its quotes."""

_ITEMS = rf"[\s,;|]*{ITEM_PATTERN}(?:[\s,;|]+{ITEM_PATTERN})*[\s,;|]*"
LIST_PATTERN = rf"(?:{_ITEMS}|\[(?:\s*|{_ITEMS})\]|\((?:\s*|{_ITEMS})\)|\{{(?:\s*|{_ITEMS})\}})"
"""A list in text: items with commas, semicolons, bars or blanks between, in brackets of any kind or in none."""

NO_CODES = ("null", "NULL", "None", "nan", "NaN", "true", "false", "True", "False")
"""Bare items that writers put where there is no code."""

FRACTION_PATTERN = r"-?[0-9]+\.[0-9]+"
"""A bare item that a writer made a float: with nothing but zeros behind the point it is the integer before it."""

RUN_TOGETHER_PATTERN = r"[0-9]+(?:[/:&+_-][0-9]+)+|[0-9]+(?:\.[0-9]+){2,}"
"""A bare item that is several codes with what divides no list between them: nobody knows which were meant."""

_LIST = re.compile(LIST_PATTERN)
_ITEM = re.compile(ITEM_PATTERN)
_FRACTION = re.compile(FRACTION_PATTERN)
_RUN_TOGETHER = re.compile(RUN_TOGETHER_PATTERN)
_ESCAPED = re.compile(r"\\(.)")
_OPTION = re.compile(r"[A-Z0-9.]{1,6} +[0-9]{6}[CP][0-9]{8}")
"""A symbol of the OCC, whose root is padded with blanks."""


def read_codes(text: str) -> list[str] | None:
    """Return the codes of a list in text; None if it is not a list of codes.

    Example:
        >>> read_codes("12,37"), read_codes("12 37"), read_codes('["12","37"]'), read_codes("[12, 37.0]")
        (['12', '37'], ['12', '37'], ['12', '37'], ['12', '37'])
        >>> read_codes('{"a":1}') is None, read_codes("12:[37]") is None, read_codes("12/37") is None
        (True, True, True)
    """
    text = text.strip()
    if text.startswith("["):
        try:
            return codes_of(json.loads(text))
        except json.JSONDecodeError:
            # Not JSON's list: perhaps Python's, with its own quotes, or numpy's, with blanks.
            pass
    if not _LIST.fullmatch(text):
        return None
    codes = [_code(item) for item in _ITEM.findall(text)]
    return None if None in codes else [code for code in codes if code is not None]


def codes_of(value: object) -> list[str] | None:
    """Return the codes of a JSON value: a list of texts and whole numbers, one of them alone, or a list in text.

    Example:
        >>> codes_of([12, "37"]), codes_of(12.0), codes_of("12;37"), codes_of([12, None]), codes_of(1.5)
        (['12', '37'], ['12'], ['12', '37'], None, None)
    """
    if isinstance(value, str):
        return read_codes(value)
    items = value if isinstance(value, list) else [value]
    codes = [item if isinstance(item, str) else _whole_number(item) for item in items]
    return None if None in codes else [code for code in codes if code is not None]


def write_codes(codes: Sequence[str]) -> str:
    """Return codes as the text that `read_codes` reads back: with semicolons, or as JSON where these would not do.

    Example:
        >>> write_codes(["@", "F"]), write_codes(["Form T"]), write_codes([])
        ('@;F', '["Form T"]', '[]')
    """
    text = ";".join(codes)
    if codes and read_codes(text) == list(codes):
        return text
    return json.dumps(list(codes), ensure_ascii=False, separators=(",", ":"))


def read_symbols(text: str) -> tuple[str, ...]:
    """Return the symbols of a list in text.

    Blanks divide only where nothing else does, and not within an option's symbol.

    Raises:
        ValueError: It begins like a list in brackets and is none.

    Example:
        >>> read_symbols("AAPL, MSFT,"), read_symbols("AAPL MSFT"), read_symbols('["AAPL"]')
        (('AAPL', 'MSFT'), ('AAPL', 'MSFT'), ('AAPL',))
        >>> read_symbols("SPXW  240506C05100000;BRK B"), read_symbols("SPXW  240506C05100000 SPY")
        (('SPXW  240506C05100000', 'BRK B'), ('SPXW  240506C05100000', 'SPY'))
    """
    text = text.strip()
    if text.startswith("["):
        codes = read_codes(text)
        if codes is None:
            raise ValueError('expected symbols with commas between, or a JSON list, e.g. ["AAPL", "MSFT"]')
        return tuple(codes)
    if re.search("[,;\n]", text):
        return tuple(symbol.strip() for symbol in re.split("[,;\n]", text) if symbol.strip())
    return tuple(re.findall(rf"{_OPTION.pattern}(?!\S)|\S+", text))


def _code(item: str) -> str | None:
    if item[0] in "\"'":
        return _ESCAPED.sub(r"\1", item[1:-1])
    if item in NO_CODES or _RUN_TOGETHER.fullmatch(item):
        return None
    return without_fraction(item) if _FRACTION.fullmatch(item) else item


def without_fraction(text: str) -> str | None:
    """Return the whole number that a writer of floats made a float of; None if it was none.

    Example:
        >>> without_fraction("37.0"), without_fraction("37.5")
        ('37', None)
    """
    whole, _, fraction = text.partition(".")
    return None if fraction.strip("0") else whole


def _whole_number(item: object) -> str | None:
    if isinstance(item, bool) or not isinstance(item, int | float):
        return None
    return str(int(item)) if isinstance(item, int) or item.is_integer() else None
