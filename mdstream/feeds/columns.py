"""Columns of any type, as files have them, made columns of a tick.

What cannot be converted becomes null and is reported, never raised: one bad value costs one row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mdstream.schemas.limits import Reason
from mdstream.schemas.records import TIME
from mdstream.schemas.text_lists import FRACTION_PATTERN, codes_of, read_codes
from mdstream.schemas.times import read_time
from mdstream.schemas.units import Unit

_CONDITIONS = pa.list_(pa.string())
_NAIVE = pa.timestamp("us")
_MORE_THAN_MICROSECONDS = r"(\.\d{6})\d+"
_PLAIN_TIME = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?$"
_PLAIN_TIME_WITH_ZONE = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}(:?\d{2})?)$"
_INTEGER = r"^-?\d+$"
_NUMBER = r"^-?\d+(\.\d*)?([eE][+-]?\d+)?$"
_MICROS_A_SECOND = 1_000_000
_NANOS_A_MICRO = 1_000
_MOST = 2**63 - 1


@dataclass(frozen=True)
class TimeForm:
    """What a column of times leaves unsaid.

    Attributes:
        unit: What numbers count from 1970 on.
        finer_unit: What numbers count that are too large for `unit`: from `finer_from` on.
        finer_from: Least number in `finer_unit`.
        zone: Where times in text are from that do not name their offset.
        midnight: Day from whose beginning in `zone` numbers count seconds, instead of from 1970 on.
        whole_millis: Cut times off to milliseconds.
        ahead_micros: How much later than it says a time is.
    """

    unit: Unit = Unit.MICROSECONDS
    finer_unit: Unit | None = None
    finer_from: int = 0
    zone: str = "UTC"
    midnight: date | None = None
    whole_millis: bool = False
    ahead_micros: int = 0


_USUAL_TIMES = TimeForm()


def convert(
    array: pa.Array, kind: pa.DataType, times: TimeForm = _USUAL_TIMES
) -> tuple[pa.Array, npt.NDArray[np.intp]]:
    """Convert a column to the type of a tick's field; what becomes of a value does not depend on the others.

    Numbers may be integers, floats, decimals or text. Times may be timestamps of any unit and zone, dates, text as
    `mdstream.schemas.times.read_time` takes it, or a number or one in text, as `times` says. Conditions may be lists,
    or text as `mdstream.schemas.text_lists.read_codes` takes it. Empty text is a missing value; so is NaN where an
    integer or text is expected. What a writer made a float is the integer that it was.

    Returns:
        The converted column, and the rows that have a value which cannot be converted: they are null.
    """
    source = _plain(array, kind)
    text = _decoded(source) if _is_binary(source.type) else source
    values = _times(text, times) if kind == TIME else _CONVERTERS[kind](text)
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
    if pa.types.is_floating(array.type) and kind != pa.float64():
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
    if not _is_text(source.type):
        # Identifiers and venue codes are often kept as numbers, in pandas even as floats.
        return _integers(source).cast(pa.string())
    of_floats = pc.match_substring_regex(source, f"^{FRACTION_PATTERN}$")
    if not pc.any(of_floats).as_py():
        return source
    whole = pc.replace_substring_regex(source, r"\.0+$", "")
    return pc.if_else(of_floats, whole, source)


def _times(source: pa.Array, form: TimeForm) -> pa.Array:
    kind = source.type
    if pa.types.is_timestamp(kind):
        # Only nanoseconds lose digits, and only they cannot overflow.
        times = source.cast(TIME, safe=False) if kind.unit == "ns" else cast_or_null(source, TIME)
    elif pa.types.is_date(kind):
        times = cast_or_null(source, TIME)
    elif _is_text(kind):
        times = _times_of_text(source, form)
    else:
        times = _times_of_numbers(source, form)
    if form.whole_millis:
        times = pc.floor_temporal(times, unit="millisecond")
    if form.ahead_micros:
        times = pc.add(times, pa.scalar(form.ahead_micros, pa.duration("us")))
    return times


def _times_of_text(text: pa.Array, form: TimeForm) -> pa.Array:
    is_number = pc.match_substring_regex(text, _NUMBER)
    if pc.all(is_number).as_py():
        return _times_of_numbers(text, form)
    times = _times_of_numbers(pc.if_else(is_number, text, None), form)
    # Arrow reads the usual forms many at a time; the others are read one by one.
    cut = pc.replace_substring_regex(text, _MORE_THAN_MICROSECONDS, r"\1")
    for pattern, kind in ((_PLAIN_TIME, _NAIVE), (_PLAIN_TIME_WITH_ZONE, TIME)):
        has_form = pc.match_substring_regex(text, pattern)
        if pc.any(has_form).as_py():
            found = cast_or_null(pc.if_else(has_form, cut, None), kind)
            times = pc.coalesce(times, _in_utc(found, form.zone) if kind == _NAIVE else found)
    left = pc.and_(pc.and_(pc.is_valid(text), pc.is_null(times)), pc.invert(is_number))
    return pc.coalesce(times, _times_one_by_one(pc.if_else(left, text, None), form)) if pc.any(left).as_py() else times


def _times_one_by_one(texts: pa.Array, form: TimeForm) -> pa.Array:
    naive: list[datetime | None] = []
    aware: list[datetime | None] = []
    for text in texts.to_pylist():
        try:
            time = None if text is None else read_time(text)
            in_utc = time.astimezone(UTC) if time is not None and time.tzinfo else None
        except (ValueError, OverflowError):
            time = in_utc = None
        aware.append(in_utc)
        naive.append(time if in_utc is None else None)
    return pc.coalesce(pa.array(aware, TIME), _in_utc(pa.array(naive, _NAIVE), form.zone))


def _in_utc(naive: pa.Array, zone: str) -> pa.Array:
    if zone == "UTC":
        return naive.cast(TIME)
    # Of an hour that comes twice the first is meant; one that is left out does not happen.
    return pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="earliest").cast(TIME)


def _times_of_numbers(source: pa.Array, form: TimeForm) -> pa.Array:
    if form.midnight is not None:
        after = _micros_of(source, Unit.SECONDS)
        midnight = pa.scalar(datetime(form.midnight.year, form.midnight.month, form.midnight.day), _NAIVE)  # noqa: DTZ001
        within_a_day = pc.and_(pc.greater_equal(after, 0), pc.less_equal(after, 86_400 * _MICROS_A_SECOND))
        return _in_utc(pc.add(midnight, pc.if_else(within_a_day, after, None).cast(pa.duration("us"))), form.zone)
    micros = _micros_of(source, form.unit)
    if form.finer_unit is not None:
        is_finer = pc.greater_equal(_numbers(source), float(form.finer_from))
        micros = pc.if_else(is_finer, _micros_of(source, form.finer_unit), micros)
    return micros.cast(TIME)


def _micros_of(source: pa.Array, unit: Unit) -> pa.Array:
    """Return numbers of a unit as microseconds: whole ones exactly, a fraction of s and ms to the nearest."""
    whole = _integers(source)
    if unit is Unit.MICROSECONDS:
        return whole
    if unit is Unit.NANOSECONDS:
        return pc.if_else(pc.less(whole, 0), None, pc.divide(whole, _NANOS_A_MICRO))
    factor = _MICROS_A_SECOND // unit.a_second
    fits = pc.less_equal(pc.abs(pc.if_else(pc.equal(whole, -_MOST - 1), None, whole)), _MOST // factor)
    exact = pc.multiply(pc.if_else(fits, whole, None), factor)
    if exact.null_count == source.null_count:
        return exact
    rounded = pc.round(pc.multiply(_numbers(source), float(factor)))
    return pc.coalesce(exact, cast_or_null(pc.if_else(pc.is_null(whole), rounded, None), pa.int64()))


def _conditions(source: pa.Array) -> pa.Array:
    kind = source.type
    if _is_text(kind):
        # Most of a batch are equal, and looking them up is cheaper than reading each.
        distinct = source.dictionary_encode()
        return pa.array([read_codes(text) for text in distinct.dictionary.to_pylist()], _CONDITIONS).take(
            distinct.indices
        )
    if any(is_list(kind) for is_list in _LISTS):
        codes = kind.value_type
        if pa.types.is_integer(codes) or (_is_text(codes) and _is_valid(source.flatten())):
            return source.cast(_CONDITIONS)
    return pa.array([_codes_of(value) for value in source], _CONDITIONS)


_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def _codes_of(value: pa.Scalar) -> list[str] | None:
    try:
        codes = value.as_py()
        if isinstance(codes, list):
            codes = [code.decode() if isinstance(code, bytes) else code for code in codes]
        return None if codes is None else codes_of(codes)
    except (ValueError, OverflowError):
        return None


_CONVERTERS: dict[pa.DataType, Callable[[pa.Array], pa.Array]] = {
    pa.float64(): _numbers,
    pa.int64(): _integers,
    pa.string(): _texts,
    _CONDITIONS: _conditions,
}
