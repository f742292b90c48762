from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.serving.rest.parameters import parse_time

HALF_PAST_NINE = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2013-10-07T13:30:00Z",
        "2013-10-07T13:30Z",
        "2013-10-07T13:30",
        "2013-10-07 13:30",
        "2013-10-07 13:30:00",
        "2013-10-07T13:30:00.000000+00:00",
        "2013-10-07T13:30:00+00:00",
        "2013-10-07T13:30:00 00:00",
        "2013-10-07T15:30:00 02:00",
        "2013-10-07T15:30:00 0200",
        "2013-10-07T09:30:00-04:00",
        "20131007T133000Z",
        "1381152600000000",
    ],
)
def test_one_time_in_many_forms(text: str) -> None:
    assert parse_time(text) == HALF_PAST_NINE
    assert parse_time(text).tzinfo is UTC


def test_a_date_is_its_midnight_in_utc() -> None:
    assert parse_time("2013-10-07") == datetime(2013, 10, 7, tzinfo=UTC)


def test_microseconds_are_kept() -> None:
    expected = HALF_PAST_NINE + timedelta(microseconds=123_456)
    assert parse_time("2013-10-07T13:30:00.123456Z") == parse_time("1381152600123456") == expected


@pytest.mark.parametrize("text", ["1381152600", "1381152600000", "0", "-1", "631151999999999"])
def test_numbers_before_1990_are_in_another_unit(text: str) -> None:
    with pytest.raises(ValueError, match="is it in another unit"):
        parse_time(text)


def test_the_first_instant_of_1990_is_taken() -> None:
    # 20 years of which 5 were leap years: 7305 days.
    assert parse_time(str(7305 * 86_400_000_000)) == datetime(1990, 1, 1, tzinfo=UTC)


@given(
    st.datetimes(
        min_value=datetime(1990, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    )
)
def test_any_iso_time_is_that_time(moment: datetime) -> None:
    assert parse_time(moment.isoformat()) == moment


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    try:
        parsed = parse_time(text)
    except ValueError:
        return
    assert parsed.tzinfo is UTC
