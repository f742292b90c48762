"""Times as other people's tables have them, to instants: the same in every session time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import (
    DataType,
    DecimalType,
    DoubleType,
    IntegralType,
    StringType,
    TimestampNTZType,
    TimestampType,
)

from mdstream.errors import InvalidInputError, did_you_mean

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
"""Units of epoch numbers, by how many there are in a second."""

_MICROSECONDS = 10**6
_CLOCK = r"\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{1,2}(:\d{1,2}([.]\d{0,9})?)?"
_ZONE = r" ?(Z|UTC|GMT|[+-]\d{1,2}(:?\d{2})?|[A-Za-z]+/[A-Za-z_/]+)"
_OFFSET = re.compile(r"[+-]\d{2}:\d{2}")
_NUMBER = r"[+-]?\d{1,19}([.]\d{1,18})?"


def micros_of(time: datetime) -> int:
    """Return the microseconds since 1970 of a time.

    Raises:
        InvalidInputError: The time has no zone.

    Example:
        >>> micros_of(datetime(1970, 1, 2, tzinfo=UTC))
        86400000000
    """
    if time.tzinfo is None:
        raise InvalidInputError(f"{time.isoformat()} is not an instant without a time zone")
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _MICROSECONDS + since.microseconds


def instant_of(value: Column, kind: DataType, name: str, unit: str | None, zone: str | None) -> Column:
    """Return what a column says as a timestamp, exact to the microsecond; null where it cannot be read.

    Args:
        value: Timestamps; timestamps or text without a time zone; text with one; epoch numbers, as text too.
        kind: Its type.
        name: What it is called, for messages.
        unit: One of `UNITS`; of epoch numbers alone.
        zone: Of what has no time zone of its own.

    Raises:
        InvalidInputError: The type is none of these, or unit or zone is missing.
    """
    if unit is not None and unit not in UNITS:
        raise InvalidInputError(f"there is no unit '{unit}' of time; expected one of {', '.join(UNITS)}")
    if zone is not None:
        _check_zone(zone)
    if isinstance(kind, TimestampType):
        return value
    if isinstance(kind, TimestampNTZType):
        if zone is None:
            raise InvalidInputError(
                f"{name} is {kind.simpleString()}, which is not an instant without a time zone: "
                "say which with zone=, e.g. zone='UTC' or zone='America/New_York'"
            )
        return _in_zone(value, zone)
    if isinstance(kind, IntegralType | DecimalType | DoubleType):
        if unit is None:
            raise InvalidInputError(
                f"{name} is {kind.simpleString()}: say its unit with unit=, one of {', '.join(UNITS)}"
            )
        return _of_epoch(value, kind, UNITS[unit])
    if isinstance(kind, StringType):
        return _of_text(value, unit, zone)
    raise InvalidInputError(
        f"{name} is {kind.simpleString()}; expected timestamps, epoch numbers with their unit=, or text"
    )


def _check_zone(zone: str) -> None:
    """See that there is such a time zone: Spark would look for it when it runs, row by row."""
    if _OFFSET.fullmatch(zone):
        return
    try:
        ZoneInfo(zone)
    except (KeyError, OSError, ValueError) as exc:
        near = did_you_mean(zone, available_timezones())
        hint = near if near.startswith("did") else "expected one like UTC, America/New_York or +05:30"
        raise InvalidInputError(f"there is no time zone '{zone}'; {hint}") from exc


def _in_zone(clock: Column, zone: str) -> Column:
    """Return when a clock of that zone showed this; of an hour that it showed twice, the first.

    A cast would take the session's zone, so the time is taken apart.
    """
    parts = (F.year(clock), F.month(clock), F.day(clock), F.hour(clock), F.minute(clock))
    return F.make_timestamp_ltz(*parts, F.extract(F.lit("SECONDS"), clock), F.lit(zone))


def _of_epoch(value: Column, kind: DataType, units: int) -> Column:
    if isinstance(kind, IntegralType):
        whole = value.cast("bigint")
        if units > _MICROSECONDS:
            # Downwards, also before 1970: a division of doubles would lose the last digits.
            thousandth = F.lit(units // _MICROSECONDS)
            return F.timestamp_micros(F.call_function("div", whole - F.pmod(whole, thousandth), thousandth))
        return F.timestamp_micros(F.try_multiply(whole, F.lit(_MICROSECONDS // units).cast("bigint")))
    if isinstance(kind, DecimalType):
        exact = value.try_cast("decimal(38,9)")
        scale = F.lit(f"{_MICROSECONDS / units:.3f}").cast("decimal(10,3)")
        return F.timestamp_micros(F.floor(F.try_multiply(exact, scale)).try_cast("bigint"))
    return F.timestamp_micros(F.round(value.cast("double") * (_MICROSECONDS / units)).try_cast("bigint"))


def _of_text(value: Column, unit: str | None, zone: str | None) -> Column:
    text = F.trim(value)
    with_zone = F.when(text.rlike(f"^{_CLOCK}{_ZONE}$"), text).try_cast("timestamp_ltz")
    if unit is not None:
        number = F.when(text.rlike(f"^{_NUMBER}$"), text).try_cast("decimal(38,9)")
        return F.coalesce(with_zone, _of_epoch(number, DecimalType(38, 9), UNITS[unit]))
    if zone is None:
        return with_zone
    clock = F.when(text.rlike(f"^{_CLOCK}$"), text).try_cast("timestamp_ntz")
    return F.coalesce(with_zone, _in_zone(clock, zone))
