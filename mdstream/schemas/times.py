"""Times as other programs write them: one reader for files, requests and the command line."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

from mdstream.schemas.limits import MIN_EVENT_TIME
from mdstream.schemas.units import Unit
from mdstream.schemas.wire import from_micros, to_micros

EXPECTED_TIME = "ISO 8601 with a date and a time of day, e.g. 2026-01-05T14:30:00.123456Z, or epoch microseconds"
"""The form that errors name."""

_DATE = r"(\d{4})([-.]?)(\d{2})\2(\d{2})"
_TIME_OF_DAY = r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d+))?)?)?"
_ZONE = r"\s*([Zz]|UTC|GMT|([+-])(\d{2})(?::?(\d{2})(?::?(\d{2}))?)?)?"
_FORM = re.compile(rf"{_DATE}(?:(?:[Tt D]|\s+){_TIME_OF_DAY}{_ZONE})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_MOST_AHEAD = timedelta(days=1)


def read_time(text: str) -> datetime:
    """Return the time that a text says: aware where it names its offset from UTC, else naive.

    Digits beyond microseconds are cut off. Read are the extended and the basic form of ISO 8601, and what `datetime`,
    pandas, PostgreSQL, BigQuery, kdb+ and JavaScript's `toISOString` write.

    Raises:
        ValueError: It is no such time.

    Example:
        >>> read_time("2013-10-07 10:00:00.464123999 -0400").isoformat()
        '2013-10-07T10:00:00.464123-04:00'
        >>> read_time("20131007T140000z").isoformat(), read_time("2013.10.07D24:00").isoformat()
        ('2013-10-07T14:00:00+00:00', '2013-10-08T00:00:00')
    """
    found = _FORM.fullmatch(text.strip())
    if found is None or (found[2] == "" and found[5] is None):
        # Eight digits alone are a number.
        raise ValueError(f"expected {EXPECTED_TIME}")
    year, _, month, day, hour, minute, second, fraction, zone, sign, *offset = found.groups()
    micros = int((fraction or "")[:6].ljust(6, "0"))
    parts = int(hour or 0), int(minute or 0), int(second or 0)
    is_end_of_day = parts == (24, 0, 0) and not micros
    hours_of_day = (0, 0, 0) if is_end_of_day else parts
    time = datetime(int(year), int(month), int(day), *hours_of_day, micros)  # noqa: DTZ001 - naive until the zone is known
    time += timedelta(days=is_end_of_day)
    if zone is None:
        return time
    hours, minutes, seconds = (int(part or 0) for part in offset)
    ahead = timedelta(hours=hours, minutes=minutes, seconds=seconds) * (-1 if sign == "-" else 1)
    if minutes > 59 or seconds > 59 or abs(ahead) >= timedelta(days=1):
        raise ValueError(f"expected an offset of less than a day; {EXPECTED_TIME}")
    return time.replace(tzinfo=UTC) if not ahead else time.replace(tzinfo=timezone(ahead))


def parse_time(text: str) -> datetime:
    """Return the UTC time that a text says: without an offset it is in UTC, a number is epoch microseconds.

    Raises:
        ValueError: It is neither a time nor such a number, or out of all years; the message says what was expected,
            and offers the unit in which a number would be a plausible time.

    Example:
        >>> parse_time("2013-10-07T09:30:00-04:00").isoformat(), parse_time("1381152600000000").isoformat()
        ('2013-10-07T13:30:00+00:00', '2013-10-07T13:30:00+00:00')
    """
    text = text.strip()
    detail = ""
    try:
        if not _INTEGER.fullmatch(text):
            time = read_time(text)
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
        micros = int(text)
        if micros >= to_micros(MIN_EVENT_TIME):
            return from_micros(micros)
        hint = unit_hint(text, Unit.MICROSECONDS, datetime.now(UTC))
        detail = f"; as microseconds it is before {MIN_EVENT_TIME:%Y}: is it in another unit? {hint}".rstrip()
    except (ValueError, OverflowError):
        # Out of all years, or with more digits than are read.
        pass
    raise ValueError(f"expected a time in {EXPECTED_TIME}{detail}")


def unit_hint(value: object, unit: Unit, now: datetime) -> str:
    """Return in which other unit a number would be a time between 1990 and now; empty if in none.

    Args:
        value: A number, or one in text.
        unit: What it was taken for.
        now: Up to when times are plausible.

    Example:
        >>> unit_hint(1735689600023, Unit.MICROSECONDS, datetime(2026, 1, 1, tzinfo=UTC))
        'as ms it is 2025-01-01T00:00:00.023000+00:00'
        >>> unit_hint("20260105", Unit.MICROSECONDS, datetime(2026, 1, 6, tzinfo=UTC))
        'as a date it is written 2026-01-05'
    """
    try:
        number = float(str(value))
    except ValueError:
        return ""
    for other in Unit:
        try:
            time = datetime.fromtimestamp(number / other.a_second, UTC)
        except (ValueError, OverflowError, OSError):
            continue
        if other is not unit and MIN_EVENT_TIME <= time <= now + _MOST_AHEAD:
            return f"as {other} it is {time.isoformat()}"
    try:
        return f"as a date it is written {date.fromisoformat(str(value)).isoformat()}"
    except ValueError:
        return ""
