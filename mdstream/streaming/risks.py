"""What of an expression would stop the job on some value: the arithmetic, casts and look-ups that can fail."""

from __future__ import annotations

import re
from typing import Any

from py4j.java_gateway import is_instance_of
from py4j.protocol import Py4JError
from pyspark import SparkContext
from pyspark.errors import PySparkException

from mdstream.schemas.limits import LAST_MICROSECOND
from mdstream.streaming.allowed import kind, parts

_Range = tuple[int, int]

_DIVISIONS = {"Divide": "try_divide(a, b)", "Remainder": "try_mod(a, b)"}
_ARITHMETIC = {
    "Add": "try_add(a, b)",
    "Subtract": "try_subtract(a, b)",
    "Multiply": "try_multiply(a, b)",
    "Divide": "try_divide(a, b)",
    "UnaryMinus": "try_subtract(0, a)",
    "Abs": "greatest(a, try_subtract(0, a))",
    "Ceil": "TRY_CAST(a AS BIGINT)",
    "Floor": "TRY_CAST(a AS BIGINT)",
}
_ON_TIMES = {
    "TimestampAddInterval",
    "TimestampAddYMInterval",
    "TimeAdd",
    "SubtractTimestamps",
    "TruncTimestamp",
    "FromUTCTimestamp",
    "ToUTCTimestamp",
}
# Whatever they are given. They are those that Spark makes of what is allowed.
_SAFE = (
    "And ArrayContains AttributeReference Between CaseWhen Cbrt Coalesce CommonExpressionDef CommonExpressionRef "
    "Concat Contains CreateArray CurrentTimestamp DatetimeSub DayOfMonth DayOfWeek DayOfYear EndsWith EqualNullSafe "
    "EqualTo EulerNumber Exp Expm1 Extract ExtractANSIIntervalDays ExtractANSIIntervalHours ExtractANSIIntervalMinutes "
    "ExtractANSIIntervalSeconds Get GetArrayItem GreaterThan GreaterThanOrEqual Greatest Hour Hypot ILike If In "
    "InitCap IsNaN IsNotNull IsNull Least Left Length LessThan LessThanOrEqual Like Literal Log Log10 Log1p Log2 "
    "Logarithm Lower Minute Month NaNvl Not Now NullIf NullIfResult Nvl Nvl2 Or Pow Quarter RLike Round Second "
    "SecondWithFraction Signum Size Sqrt StartsWith StringInstr StringLocate StringSplit StringTranslate StringTrim "
    "StringTrimBoth StringTrimLeft StringTrimRight Substring TryAdd TryDivide TryEval TryMod TryMultiply TrySubtract "
    "UnaryPositive UnixMicros UnixMillis UnixSeconds Upper WeekDay WeekOfYear With Year YearOfWeek"
)
_CANNOT_FAIL = frozenset(_SAFE.split())
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_MOST_DIGITS = 38
_LEAST_SCALE = 6
_DAY = 86_400_000_000
_MOST_DAYS_A_MONTH = 31
_LONGEST_TEXT = 2**24
_EVER = (0, LAST_MICROSECOND)
# What these give, whatever they are given.
_GIVEN: dict[str, _Range] = {
    "Quarter": (1, 4),
    "Month": (1, 12),
    "DayOfMonth": (1, 31),
    "DayOfWeek": (1, 7),
    "WeekDay": (0, 6),
    "DayOfYear": (1, 366),
    "WeekOfYear": (1, 53),
    "Hour": (0, 23),
    "Minute": (0, 59),
    "Second": (0, 59),
    "Length": (0, _LONGEST_TEXT),
    "Size": (-1, _LONGEST_TEXT),
    "StringInstr": (0, _LONGEST_TEXT),
    "StringLocate": (0, _LONGEST_TEXT),
    "CurrentTimestamp": _EVER,
    "Now": _EVER,
}
_UNIX = {"UnixMicros": 1, "UnixMillis": 1_000, "UnixSeconds": 1_000_000}
_REPLACEABLE = "org.apache.spark.sql.catalyst.expressions.RuntimeReplaceable"


def risk(expression: Any) -> str | None:  # noqa: ANN401 - an object of the JVM
    """Say what of an expression, as Spark's analyser understood it, would stop the job on some value.

    Args:
        expression: Made of what `mdstream.streaming.allowed` allows.
    """
    waiting = [expression]
    while waiting:
        node = waiting.pop()
        problem = _problem(node)
        if problem is not None:
            # What is the same for every row is worked out here.
            if not (node.foldable() and _is_computable(node)):
                return problem
        # What fails within it is null.
        elif kind(node) != "TryEval":
            waiting.extend(reversed(_replaced_parts(node)))
    return None


def _problem(node: Any) -> str | None:  # noqa: ANN401
    name = kind(node)
    if name in _DIVISIONS and _is_ansi(node) and _may_be_zero(node.right()):
        return f"{node.right().sql()} may be 0, and a division by it would stop the job: write {_DIVISIONS[name]}"
    if name == "Cast" and _is_ansi(node) and _may_not_fit(node):
        return f"{node.sql()} stops the job where it is not possible: write TRY_CAST"
    if name in _ON_TIMES and not _is_within(_range(node), (-LAST_MICROSECOND, 2 * LAST_MICROSECOND)):
        return f"{node.sql()} may be no time, which would stop the job: write unix_seconds(a) and numbers"
    if name in _ARITHMETIC and _may_overflow(node):
        return (
            f"{node.sql()} may be too large for {_type(node)}, which would stop the job: write {_ARITHMETIC[name]}, "
            "or numbers with a point and an exponent: 2.0e0"
        )
    if not ({name} & (_DIVISIONS.keys() | _ARITHMETIC.keys() | _ON_TIMES | _CANNOT_FAIL | {"Cast"})):
        return f"{node.sql()} ({name}) is not possible in a rule; the head of conf/rules.yaml lists what is"
    return None


def _replaced_parts(node: Any) -> list[Any]:  # noqa: ANN401
    """Return the parts of an expression, or what will be run in its place."""
    return [node.replacement()] if _is_replaced(node) else parts(node)


def _is_replaced(node: Any) -> bool:  # noqa: ANN401
    return bool(is_instance_of(SparkContext._gateway, node, _REPLACEABLE))  # noqa: SLF001 - there is no public way


def _is_computable(node: Any) -> bool:  # noqa: ANN401
    try:
        node.eval(None)
    except (PySparkException, Py4JError):
        return False
    return True


def _is_ansi(node: Any) -> bool:  # noqa: ANN401
    return str(node.evalMode().toString()) == "ANSI"


def _type(node: Any) -> str:  # noqa: ANN401
    return str(node.dataType().simpleString())


def _may_be_zero(divisor: Any) -> bool:  # noqa: ANN401
    if not divisor.foldable() or not _is_computable(divisor):
        return True
    value = divisor.eval(None)
    return value is not None and float(str(value)) == 0


def _may_not_fit(cast: Any) -> bool:  # noqa: ANN401
    child = cast.child()
    source, target = _type(child), _type(cast)
    if source == "void" or target == source:
        return False
    if target == "string":
        # The text of an array is longer than its elements together.
        return source.startswith("array")
    if target in {"double", "float", "boolean"} and (source in _BITS or source in {"double", "float"}):
        return source == "timestamp"
    if target in {"double", "float", "boolean"} and _DECIMAL.fullmatch(source):
        return False
    if target in _BITS and source in _BITS and "timestamp" not in {source, target}:
        return not _is_within(_range(child), _limits(target))
    if source == "timestamp":
        return target != "date"
    if source == "date" and target == "timestamp":
        # Of the dates that can be written, most are no time.
        return not (kind(child) == "Cast" and _type(child.child()) == "timestamp")
    return source == "string" or target == "timestamp" or not cast.canUpCast(child.dataType(), cast.dataType())


def _may_overflow(node: Any) -> bool:  # noqa: ANN401
    """Say whether a result may be larger than its type."""
    name, result = kind(node), _type(node)
    if result in {"double", "float", "void"} or (
        name in {"Add", "Subtract", "Multiply", "Divide"} and not _is_ansi(node)
    ):
        return False
    if _DECIMAL.fullmatch(result):
        return name in {"Add", "Subtract", "Multiply", "Divide"} and _has_too_many_digits(node)
    return not _is_within(_computed(node), _limits(result))


def _has_too_many_digits(node: Any) -> bool:  # noqa: ANN401
    digits = [_DECIMAL.fullmatch(_type(side)) for side in (node.left(), node.right())]
    (p1, s1), (p2, s2) = ((int(found[1]), int(found[2])) if found else (_MOST_DIGITS, 0) for found in digits)
    whole, scale = {
        "Multiply": (p1 - s1 + p2 - s2 + 1, s1 + s2),
        "Divide": (p1 - s1 + s2, max(_LEAST_SCALE, s1 + p2 + 1)),
    }.get(kind(node), (max(p1 - s1, p2 - s2) + 1, max(s1, s2)))
    # What does not fit is taken from the digits behind the point, but for six.
    return whole + min(scale, _LEAST_SCALE) > _MOST_DIGITS


_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64, "timestamp": 64}


def _limits(kind_of_number: str) -> _Range:
    """Return what a type can hold; of times and what lies between them microseconds, or months."""
    if kind_of_number.startswith("interval"):
        bits = 32 if "year" in kind_of_number or "month" in kind_of_number else 64
    else:
        bits = _BITS.get(kind_of_number, 0)
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if bits else (0, 0)


def _is_within(found: _Range, limits: _Range) -> bool:
    return limits[0] <= found[0] and found[1] <= limits[1]


def _range(node: Any) -> _Range:  # noqa: ANN401
    """Return the least and the largest whole number, or time, that an expression can be."""
    name, result = kind(node), _type(node)
    if _is_replaced(node):
        return _range(node.replacement())
    if name == "Literal":
        value = node.value()
        return (value, value) if isinstance(value, int) else (0, 0)
    if name in _GIVEN:
        return _GIVEN[name]
    if name == "AttributeReference" and result == "timestamp":
        return _EVER
    if name == "Cast":
        return _range_of_cast(node, result)
    if name in _ARITHMETIC or name in _ON_TIMES or name in _UNIX:
        return _computed(node)
    return _limits(result)


def _range_of_cast(cast: Any, target: str) -> _Range:  # noqa: ANN401
    source = _type(cast.child())
    if target in _BITS and source in _BITS and "timestamp" not in {source, target}:
        return _range(cast.child())
    if target == "timestamp" and source == "date" and not _may_not_fit(cast):
        return -_DAY, LAST_MICROSECOND
    return _limits(target)


def _computed(node: Any) -> _Range:  # noqa: ANN401
    """Return the range of a sum, a product, or a time that is worked out of another."""
    name = kind(node)
    if name == "UnaryMinus":
        least, most = _range(node.child())
        return -most, -least
    if name in {"Ceil", "Floor"}:
        # Of a fraction they may be larger than any whole number.
        return _range(node.child()) if _type(node.child()) in _BITS else (-(2**1024), 2**1024)
    if name == "Abs":
        least, most = _range(node.child())
        return 0, max(-least, most)
    if name in _UNIX:
        least, most = _range(node.child())
        return least // _UNIX[name], most // _UNIX[name]
    if name == "TruncTimestamp":
        least, most = _range(node.timestamp())
        return least - 366 * _DAY, most
    (least, most), (least_right, most_right) = _range(node.left()), _range(node.right())
    if name in {"FromUTCTimestamp", "ToUTCTimestamp"}:
        return least - _DAY, most + _DAY
    if name == "TimestampAddYMInterval":
        return least + least_right * _MOST_DAYS_A_MONTH * _DAY, most + most_right * _MOST_DAYS_A_MONTH * _DAY
    if name in {"Subtract", "SubtractTimestamps"}:
        return least - most_right, most - least_right
    if name == "Multiply":
        corners = [one * other for one in (least, most) for other in (least_right, most_right)]
        return min(corners), max(corners)
    return least + least_right, most + most_right
