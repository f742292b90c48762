"""Times as other programs write them, for files, requests and the command line alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.feeds.columns import TimeForm, convert
from mdstream.schemas.records import TIME
from mdstream.schemas.times import parse_time, read_time
from mdstream.schemas.units import Unit

# 2013-10-07T14:00:00.464123Z, by date(1)
MICROS = 1_381_154_400_464_123
MOMENT = datetime(2013, 10, 7, 14, 0, 0, 464123, tzinfo=UTC)


def of_file(text: str, form: TimeForm | None = None) -> datetime | None:
    values, failed = convert(pa.array([text]), TIME, form or TimeForm())
    assert list(failed) == ([0] if values.null_count else [])
    try:
        found: datetime | None = values[0].as_py()
    except OverflowError:
        # Of a year that Python's datetime does not have: the bounds of a tick's time refuse it.
        return None
    return found


@pytest.mark.parametrize(
    "text",
    [
        "2013-10-07T14:00:00.464123Z", "2013-10-07T14:00:00.464123z", "2013-10-07t14:00:00.464123Z",
        "2013-10-07T14:00:00.464123999Z", "2013-10-07T14:00:00,464123Z", "20131007T140000.464123Z",
        "20131007T100000.464123-0400", "2013-10-07 14:00:00.464123+00", "2013-10-07 14:00:00.464123 UTC",
        "2013-10-07 14:00:00.464123 +00:00", "2013-10-07 10:00:00.464123 -0400", "2013-10-07 19:30:00.464123+05:30",
        "2013-10-07 19:30:15.464123+05:30:15", "2013.10.07D14:00:00.464123000", "2013-10-07 14:00:00.464123",
        "2013-10-07 14:00:00.464123 GMT", str(MICROS),
    ],
)  # fmt: skip
def test_one_time_in_many_forms(text: str) -> None:
    assert parse_time(text) == of_file(text) == MOMENT


@pytest.mark.parametrize("text", ["2013-10-07T24:00:00Z", "2013-10-07 24:00", "20131007T24Z"])
def test_hour_24_is_the_next_midnight(text: str) -> None:
    assert parse_time(text) == of_file(text) == datetime(2013, 10, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "yesterday", "2013-10-07T24:00:01Z", "2013-10-07T25:00:00Z", "2013-02-30", "2013-W41-1", "2013-280",
        "Mon Oct 07 2013 14:00:00 GMT+0000 (Coordinated Universal Time)", "10/07/2013 14:00", "07.10.2013", "2013-1007",
        "2013-10-07T14:00:00 America/New_York", "2013-10-07T14:00:60Z", "2013-10-07T14:00:00+25:00", "infinity",
        "2013-10-07T14:00:00+01:60", "2013-10-07Z", "٢٠١٣-١٠-٠٧", "2013-10-07T14:00:00.Z", "1.5",
    ],
)  # fmt: skip
def test_other_forms_are_refused_with_the_one_that_is_expected(text: str) -> None:
    assert of_file(text) is None
    with pytest.raises(ValueError, match=r"2026-01-05T14:30:00\.123456Z"):
        parse_time(text)


@pytest.mark.parametrize(
    ("number", "unit"),
    [("1381154400", "s"), ("1381154400464", "ms"), (str(MICROS), "us"), (f"{MICROS}789", "ns"),
     ("1381154400.464123", "s"),
     ("1.381154400464123e9", "s"), ("1381154400464.123", "ms"), (f"{MICROS}.0", "us")],
)  # fmt: skip
def test_numbers_are_of_the_unit_that_is_named(number: str, unit: str) -> None:
    expected = MOMENT.replace(microsecond={"1381154400": 0, "1381154400464": 464_000}.get(number, 464_123))
    assert of_file(number, TimeForm(unit=Unit(unit))) == expected
    as_number = pa.array([float(number) if "." in number else int(number)])
    assert convert(as_number, TIME, TimeForm(unit=Unit(unit)))[0][0].as_py() == expected


@pytest.mark.parametrize(("number", "hint"), [("1381154400", "as s it is 2013-10-07T14:00:00"),
                                              ("1381154400464", "as ms it is 2013-10-07T14:00:00.464"),
                                              ("20131007", "as a date it is written 2013-10-07")])  # fmt: skip
def test_another_unit_is_offered_and_never_taken(number: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_time(number)


def test_an_hour_that_comes_twice_is_the_first() -> None:
    # Clocks of New York went from 02:00 EDT to 01:00 EST on 2013-11-03, and from 02:00 EST to 03:00 EDT on 2013-03-10.
    eastern = TimeForm(zone="America/New_York")
    assert of_file("2013-11-03 01:30:00", eastern) == datetime(2013, 11, 3, 5, 30, tzinfo=UTC)
    assert of_file("20131103T0130", eastern) == datetime(2013, 11, 3, 5, 30, tzinfo=UTC)
    assert of_file("2013-11-03 01:30:00Z", eastern) == datetime(2013, 11, 3, 1, 30, tzinfo=UTC)


moments = st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(moments)
def test_what_pythons_datetime_and_pandas_write_is_read(moment: datetime) -> None:
    for text in (moment.isoformat(), str(moment), str(pd.Timestamp(moment)), f"{moment:%Y%m%dT%H%M%S.%f%z}"):
        assert of_file(text) == read_time(text) == moment


@given(st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9][T ][0-2][0-9](:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?)?"
                     r"(Z|z| UTC|[+-][01][0-9](:?[0-5][0-9])?)?", fullmatch=True))  # fmt: skip
def test_files_and_requests_read_the_same(text: str) -> None:
    try:
        expected = parse_time(text)
    except ValueError:
        assert of_file(text) is None
    else:
        assert of_file(text) == expected
