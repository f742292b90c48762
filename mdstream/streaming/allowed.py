"""What anomaly rules may be made of: functions and operators of Spark SQL that see one row and have known bounds.

Each of them takes time and memory in proportion to what it is given, gives the same for the same row, and can only fail
in ways that `mdstream.streaming.risks` finds. The length of an expression bounds the rest: nothing here makes a text
or an array longer than what was written down.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any
from zoneinfo import available_timezones

from mdstream.errors import did_you_mean

MOST_CHARACTERS = 2_000
"""Longest expression."""

MOST_DEPTH = 32
"""Deepest expression: a sum of so many terms, or so many functions in each other."""

_OF_NUMBERS = (
    "abs sign signum negative positive ceil ceiling floor round sqrt cbrt exp expm1 ln log log10 log1p log2 pow power "
    "hypot greatest least isnan nanvl mod try_add try_subtract try_multiply try_divide try_mod"
)
_OF_CHOICE = "if coalesce nvl ifnull nvl2 nullif isnull isnotnull between"
_OF_TEXTS = (
    "upper ucase lower lcase initcap trim ltrim rtrim btrim length len char_length character_length left substr "
    "substring startswith endswith contains instr locate concat translate split array array_contains get size "
    "cardinality"
)
_OF_TIMES = (
    "year quarter month day dayofmonth dayofweek weekday dayofyear weekofyear hour minute second extract date_part "
    "datepart date_trunc unix_seconds unix_millis unix_micros from_utc_timestamp to_utc_timestamp current_timestamp now"
)
_OF_TYPES = "double float bigint int smallint tinyint decimal string boolean date timestamp"
FUNCTIONS = frozenset(" ".join((_OF_NUMBERS, _OF_CHOICE, _OF_TEXTS, _OF_TIMES, _OF_TYPES)).split())
"""Functions of Spark SQL that rules may use."""

_PARSED = (
    "Literal UnresolvedAttribute UnresolvedFunction Cast CaseWhen And Or Not EqualTo EqualNullSafe LessThan "
    "LessThanOrEqual GreaterThan GreaterThanOrEqual In IsNull IsNotNull Add Subtract Multiply Divide Remainder "
    "UnaryMinus UnaryPositive Like ILike RLike Concat Substring StringLocate StringTrim StringTrimLeft StringTrimRight"
)
_OPERATORS = frozenset(_PARSED.split())

_LENGTH = "its result may be of any length: write concat(a, b)"
_PATTERN = "how long it takes is not known: write a LIKE '...', a RLIKE '...', startswith, endswith or contains"
_SEVERAL = "aggregate, window and generator functions are not possible: a rule sees one bar"
_ELEMENT = "it stops the job where there is no such element: write get(array, index)"
_DATE = "it stops the job on what is not a date: write TRY_CAST(a AS DATE) or TRY_CAST(a AS TIMESTAMP)"
_NUMBER = "it stops the job on what is not a number: write TRY_CAST(a AS DOUBLE)"
_CHANGING = "it is not deterministic: after a restart the same bar could get another result"
_DOCUMENT = "no column of a bar is such a document: write columns"
_RAISING = "raise_error and assert_true stop the job: write the condition itself"
_INSTEAD: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("repeat", "lpad", "rpad", "space", "replace", "concat_ws", "array_repeat", "sequence"), _LENGTH)
    | dict.fromkeys(("rlike", "regexp", "regexp_like", "like", "ilike", "regexp_replace", "regexp_extract"), _PATTERN)
    | dict.fromkeys(("sum", "avg", "mean", "min", "max", "count", "first", "last", "lag", "lead", "explode"), _SEVERAL)
    | dict.fromkeys(("element_at", "try_element_at", "elt"), _ELEMENT)
    | dict.fromkeys(("to_date", "to_timestamp", "make_date", "make_timestamp"), _DATE)
    | dict.fromkeys(("to_number", "try_to_number", "conv"), _NUMBER)
    | dict.fromkeys(("rand", "random", "randn", "uuid", "java_method", "reflect"), _CHANGING)
    | dict.fromkeys(("raise_error", "assert_true"), _RAISING)
    | dict.fromkeys(("from_json", "from_csv", "from_xml", "xpath_string", "get_json_object", "parse_json"), _DOCUMENT)
    | {"pmod": "write try_mod(a, b)", "right": "write substring(a, -3)"}
)
_SUBQUERY = "a subquery is not possible: a rule sees one bar"
_INSTEAD_OF_OPERATORS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("ScalarSubquery", "Exists", "InSubquery", "ListQuery"), _SUBQUERY)
    | dict.fromkeys(("LikeAny", "LikeAll", "NotLikeAny", "NotLikeAll"), "write a LIKE '...' OR a LIKE '...'")
    | {
        "WindowExpression": _SEVERAL,
        "UnresolvedExtractValue": _ELEMENT,
        "IntegralDivide": "write floor(try_divide(a, b))",
        "Alias": "a name is not possible here: write the expression alone",
        "LambdaFunction": "functions of arrays' elements are not possible: a bar has no arrays",
    }
)

_MOST_ROUNDED = 15
_MOST_GAPS = 3
_LIKE_PATTERN = re.compile(r"(?:[^\\]|\\[\\_%])*")
_ATOM = r"(?:[^\\\[\](){}*+?|^$]|\\[dDwWsS.^$|()\[\]{}*+?/\\-]|\[\^?[\w.:/=^-]+\])"
_TIMES = r"(?:[*+?]|\{\d{1,2}(?:,\d{0,2})?\})"
_SEPARATOR = re.compile(rf"{_ATOM}+")
_SIMPLE_PATTERN = re.compile(rf"(?:\^|\$|\||{_ATOM}{_TIMES}?)*")
_GAP = re.compile(rf"{_ATOM}({_TIMES})?")


def refusal(parsed: Any, columns: Collection[str]) -> str | None:  # noqa: ANN401 - an object of the JVM
    """Say what of an expression is not allowed and what to write instead; None if all is.

    Args:
        parsed: What Spark's parser made of it: nothing has been looked up or run.
        columns: Columns that there are.
    """
    waiting = [(parsed, 1)]
    while waiting:
        node, depth = waiting.pop()
        problem = _problem(node, columns)
        if problem is None and depth > MOST_DEPTH:
            problem = f"it is more than {MOST_DEPTH} operators deep: write several rules"
        if problem is not None:
            return problem
        waiting.extend((part, depth + 1) for part in reversed(parts(node)))
    return None


def parts(expression: Any) -> list[Any]:  # noqa: ANN401
    """Return the parts of an expression."""
    found = expression.children()
    return [found.apply(number) for number in range(found.size())]


def kind(expression: Any) -> str:  # noqa: ANN401
    """Return the name of an expression's class."""
    return str(expression.getClass().getSimpleName())


def _problem(node: Any, columns: Collection[str]) -> str | None:  # noqa: ANN401
    operator = kind(node)
    if operator not in _OPERATORS:
        instead = _INSTEAD_OF_OPERATORS.get(operator)
        return instead or f"{_shown(node)} is not possible in a rule; expected a condition over the columns of one bar"
    if operator == "UnresolvedAttribute":
        return _unknown_column(node.name(), columns)
    if operator == "UnresolvedFunction":
        return _function_problem(node)
    if operator in {"Like", "ILike"}:
        return _like_problem(node)
    if operator == "RLike":
        return _rlike_problem(node)
    return None


def _unknown_column(name: str, columns: Collection[str]) -> str | None:
    if name.lower() in {*map(str.lower, columns), "current_timestamp"}:
        return None
    return f"there is no column {name}; {did_you_mean(name, columns)}"


def _function_problem(node: Any) -> str | None:  # noqa: ANN401
    name = node.nameParts().mkString(".")
    given = parts(node)
    if name.lower() not in FUNCTIONS:
        instead = _INSTEAD.get(name.lower())
        if instead is not None:
            return f"there is no function {name} in rules: {instead}"
        near = did_you_mean(name.lower(), FUNCTIONS)
        # All of them would be a page.
        return f"there is no function {name} in rules; " + (
            near if near.startswith("did you mean") else "the head of conf/rules.yaml lists those that there are"
        )
    checks = _ARGUMENTS.get(name.lower())
    return None if checks is None else checks(given)


def _rounding(given: list[Any]) -> str | None:
    digits = _text(given[1]) if len(given) > 1 else "0"
    if digits is not None and digits.isdecimal() and int(digits) <= _MOST_ROUNDED:
        return None
    return f"round takes a number of digits from 0 to {_MOST_ROUNDED}: write round(a, 2)"


def _zone(given: list[Any]) -> str | None:
    if len(given) > 1 and _text(given[1]) in available_timezones():
        return None
    return "expected the name of a time zone in quotes: write from_utc_timestamp(window_start, 'America/New_York')"


def _separator(given: list[Any]) -> str | None:
    separator = _text(given[1]) if len(given) > 1 else None
    if separator is not None and _SEPARATOR.fullmatch(separator):
        return None
    return r"split takes plain text to split at: write split(symbol, ':'), or '[.]' for a full stop"


_ARGUMENTS = MappingProxyType(
    {
        "round": _rounding,
        "from_utc_timestamp": _zone,
        "to_utc_timestamp": _zone,
        "split": _separator,
    }
)


def _like_problem(node: Any) -> str | None:  # noqa: ANN401
    subject, pattern = parts(node)
    text = _text(pattern)
    if (
        _is_column(subject)
        and text is not None
        and node.escapeChar() == "\\"
        and _LIKE_PATTERN.fullmatch(text)
        and text.count("%") <= _MOST_GAPS
    ):
        return None
    return (
        f"LIKE takes a column and a text with at most {_MOST_GAPS} % in it, so that the time it takes is known: "
        "write symbol LIKE 'X:%', startswith, endswith or contains"
    )


def _rlike_problem(node: Any) -> str | None:  # noqa: ANN401
    subject, pattern = parts(node)
    text = _text(pattern)
    if (
        _is_column(subject)
        and text is not None
        and _SIMPLE_PATTERN.fullmatch(text)
        and sum(found.group(1) is not None for found in _GAP.finditer(text)) <= _MOST_GAPS
    ):
        return None
    return (
        f"RLIKE takes a column and a pattern without groups and with at most {_MOST_GAPS} repetitions, so that the "
        "time it takes is known: write symbol RLIKE '^[A-Z]+USDT$', LIKE, startswith, endswith or contains"
    )


def _is_column(node: Any) -> bool:  # noqa: ANN401
    return kind(node) == "UnresolvedAttribute"


def _text(node: Any) -> str | None:  # noqa: ANN401
    """Return a constant as it was written; None if it is not a constant."""
    return str(node.toString()) if kind(node) == "Literal" else None


def _shown(node: Any) -> str:  # noqa: ANN401
    text = str(node.toString())
    return text if len(text) <= 80 else f"{text[:80]}…"
