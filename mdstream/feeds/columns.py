"""Columns of any type, as files have them, made columns of a tick.

What cannot be converted becomes null and is reported, never raised: one bad value costs one row.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mdstream.schemas.limits import Reason
from mdstream.schemas.records import TIME

_CONDITIONS = pa.list_(pa.string())
_NAIVE = pa.timestamp("us")
_MORE_THAN_MICROSECONDS = r"(\.\d{6})\d+"
_WITH_ZONE = r":\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$"
_INTEGER = r"^-?\d+$"


def convert(array: pa.Array, kind: pa.DataType) -> tuple[pa.Array, npt.NDArray[np.intp]]:
    """Convert a column to the type of a tick's field.

    Numbers may be integers, floats, decimals or text. Times may be timestamps of any unit and zone (without one:
    UTC), dates, ISO 8601 text (without an offset: UTC), or epoch microseconds as a number or text. Conditions may
    be lists or text with semicolons. Empty text is a missing value; so is NaN where an integer or text is expected.

    Returns:
        The converted column, and the rows that have a value which cannot be converted: they are null.
    """
    source = _plain(array, kind)
    values = _CONVERTERS[kind](_decoded(source) if _is_binary(source.type) else source)
    failed = pc.and_(pc.is_valid(source), pc.is_null(values))
    return values, np.flatnonzero(failed.to_numpy(zero_copy_only=False))


def reason_of(kind: pa.DataType) -> Reason:
    """Return why a value that cannot be converted to this type is refused."""
    if pa.types.is_timestamp(kind):
        return Reason.NOT_A_TIME
    if pa.types.is_list(kind):
        return Reason.MALFORMED
    simple = {pa.float64(): Reason.NOT_A_NUMBER, pa.int64(): Reason.NOT_AN_INTEGER, pa.string(): Reason.NOT_TEXT}
    return simple[kind]


def found(value: pa.Scalar) -> object:
    """Return a value as Python has it: a time that it cannot hold as number and unit, bad Unicode as bytes."""
    if isinstance(value, pa.ListScalar) and value.is_valid:
        return [found(item) for item in value.values]
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return value.as_buffer().to_pybytes()
    except (OverflowError, ValueError):
        return f"{value.value} {value.type}"


def cast_or_null(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast a column; values that cannot be cast become null.

    Halves the column until only the bad values are left, which costs little when they are few.
    """
    try:
        return array.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        if len(array) == 1:
            return pa.nulls(1, kind)
    middle = len(array) // 2
    return pa.concat_arrays([cast_or_null(array[:middle], kind), cast_or_null(array[middle:], kind)])


def _plain(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return the column without dictionary, with missing values as null and text as trimmed strings."""
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if _is_text(array.type):
        text = array.cast(pa.string())
        return _trimmed(text) if _is_valid(text) else text.cast(pa.binary())
    if pa.types.is_floating(array.type) and kind in {pa.int64(), pa.string()}:
        return pc.if_else(pc.is_nan(array), None, array)
    return array


def _trimmed(text: pa.Array) -> pa.Array:
    text = pc.utf8_trim_whitespace(text)
    blank = pc.equal(pc.binary_length(text), 0)
    return pc.if_else(blank, None, text) if pc.any(blank).as_py() else text


def _is_valid(text: pa.Array) -> bool:
    """Check that text is Unicode: files may claim it of any bytes."""
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _decoded(source: pa.Array) -> pa.Array:
    return _trimmed(cast_or_null(source, pa.string()))


def _is_text(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view))


def _is_binary(kind: pa.DataType) -> bool:
    return any(is_kind(kind) for is_kind in (pa.types.is_binary, pa.types.is_large_binary))


def _numbers(source: pa.Array) -> pa.Array:
    if pa.types.is_integer(source.type) or pa.types.is_decimal(source.type):
        return source.cast(pa.float64(), safe=False)
    if pa.types.is_floating(source.type) or _is_text(source.type):
        return cast_or_null(source, pa.float64())
    return pa.nulls(len(source), pa.float64())


def _integers(source: pa.Array) -> pa.Array:
    if _is_text(source.type):
        # Writers that know no missing integer make floats of the whole column.
        is_integer = pc.match_substring_regex(source, _INTEGER)
        integers = cast_or_null(pc.if_else(is_integer, source, None), pa.int64())
        if pc.all(is_integer).as_py():
            return integers
        floats = cast_or_null(pc.if_else(is_integer, None, source), pa.float64())
        return pc.coalesce(integers, cast_or_null(floats, pa.int64()))
    if pa.types.is_integer(source.type) or pa.types.is_floating(source.type) or pa.types.is_decimal(source.type):
        return cast_or_null(source, pa.int64())
    return pa.nulls(len(source), pa.int64())


def _texts(source: pa.Array) -> pa.Array:
    if _is_text(source.type):
        return source
    # Identifiers and venue codes are often kept as numbers, in pandas even as floats.
    return _integers(source).cast(pa.string())


def _times(source: pa.Array) -> pa.Array:
    kind = source.type
    if pa.types.is_timestamp(kind):
        # Only nanoseconds lose digits, and only they cannot overflow.
        return source.cast(TIME, safe=False) if kind.unit == "ns" else cast_or_null(source, TIME)
    if pa.types.is_date(kind):
        return cast_or_null(source, TIME)
    if _is_text(kind):
        return _times_of_text(source)
    return _integers(source).cast(TIME)


def _times_of_text(text: pa.Array) -> pa.Array:
    text = pc.replace_substring_regex(text, _MORE_THAN_MICROSECONDS, r"\1")
    is_integer = pc.match_substring_regex(text, _INTEGER)
    has_zone = pc.match_substring_regex(text, _WITH_ZONE)
    naive = pc.invert(pc.or_(is_integer, has_zone))
    times = pa.nulls(len(text), TIME)
    for form, kind in ((has_zone, TIME), (is_integer, pa.int64()), (naive, _NAIVE)):
        if pc.any(form).as_py():
            times = pc.coalesce(times, cast_or_null(pc.if_else(form, text, None), kind).cast(TIME))
    return times


def _conditions(source: pa.Array) -> pa.Array:
    kind = source.type
    if _is_text(kind):
        codes = pc.utf8_trim(pc.replace_substring_regex(source, r"\s*;[\s;]*", ";"), ";")
        return pc.if_else(pc.equal(codes, ""), None, pc.split_pattern(codes, ";").cast(_CONDITIONS))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        if _is_text(kind.value_type) and not _is_valid(source.flatten()):
            source = source.cast(pa.list_(pa.binary()))
        return cast_or_null(source, _CONDITIONS)
    return pa.nulls(len(source), _CONDITIONS)


_CONVERTERS: dict[pa.DataType, Callable[[pa.Array], pa.Array]] = {
    pa.float64(): _numbers,
    pa.int64(): _integers,
    pa.string(): _texts,
    TIME: _times,
    _CONDITIONS: _conditions,
}
