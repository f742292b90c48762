"""Calendars and the names of their windows."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mdstream.config.settings import WindowConfiguration
from mdstream.errors import InvalidInputError, MissingDependencyError
from mdstream.schemas import BarWindow
from mdstream.schemas.calendars import Calendar
from mdstream.schemas.session_table import session_table
from mdstream.schemas.session_windows import Period, parse_window

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_name_says_calendar_and_length() -> None:
    window = parse_window("30min@Asia/Kolkata")
    assert (window.name, window.seconds) == ("30min@Asia/Kolkata", 1800)
    own = Calendar.of_sessions("mine", [(NINE, NINE + HOUR)])
    assert parse_window("1q@mine", [own]).calendar is own  # type: ignore[union-attr]
    assert parse_window("1h") == BarWindow("1h", 3600)
    periods = [parse_window(f"1{unit}@UTC").period for unit in ("d", "w", "mo", "q")]  # type: ignore[union-attr]
    assert periods == list(Period)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("30min@", "window '30min@' is not a number, a unit and a calendar; expected one like 30min@XNYS"),
        ("@XNYS", "is not a number, a unit and a calendar"),
        ("30fortnights@UTC", "is not a number and a unit"),
        ("2w@UTC", "window '2w@UTC' is of several periods; expected one like"),
        ("24h@UTC", "has 86400 seconds; expected 1 to 86399, or 1d for a session"),
        ("0min@UTC", "has 0 seconds; expected at least 1"),
        ("1d@XNYSS", "there is no exchange or time zone 'XNYSS'; did you mean 'XNYS'?"),
        ("1d@Europe/Londom", "there is no exchange or time zone 'Europe/Londom'; expected a name like XNYS"),
    ],
)
def test_other_names_are_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_window(text)
    assert said in str(refused.value)


def test_windows_of_calendars_are_none_of_live_bars() -> None:
    with pytest.raises(ValueError, match="windows of calendars are for to_bars and mdstream bars, not for live bars"):
        WindowConfiguration(name="30min@XNYS", duration=1800)
    with pytest.raises(InvalidInputError, match="'1d@XNYS' is one of a calendar"):
        BarWindow.parse("1d@XNYS")


def test_a_calendar_of_an_exchange_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'mdstream-spark\[calendars\]'"):
        Calendar.of_exchange("XSWX", date(2024, 1, 1))


@pytest.mark.parametrize(
    ("sessions", "said"),
    [
        ([], "calendar mine has no session"),
        ([(NINE, NINE)], "opens at 2026-01-05T09:00:00+00:00 closes before that"),
        ([(NINE, NINE + 2 * HOUR), (NINE + HOUR, NINE + 3 * HOUR)], "opens at 2026-01-05T10:00:00+00:00"),
        ([(NINE.replace(tzinfo=None), NINE + HOUR)], "expected whole seconds with a time zone"),
        ([(NINE, NINE + timedelta(seconds=0.5))], "expected whole seconds with a time zone"),
    ],
)
def test_sessions_of_ones_own_are_checked(sessions: list[tuple[datetime, datetime]], said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        Calendar.of_sessions("mine", sessions)
    assert said in str(refused.value)


def test_what_is_too_long_is_refused() -> None:
    long = Calendar.of_sessions("mine", [(NINE, NINE + timedelta(days=97))])
    with pytest.raises(InvalidInputError, match="has a session of 97 days; expected at most 96"):
        session_table(long, None)


def test_days_of_a_zone_are_as_long_as_its_clocks_say() -> None:
    london = Calendar.of_zone("Europe/London", date(2026, 3, 27), date(2026, 3, 31)).sessions()
    assert [(end - start) / 3600 for start, end in london] == [24, 24, 23, 24, 24]
    autumn = Calendar.of_zone("Europe/London", date(2026, 10, 25), date(2026, 10, 25)).sessions()
    assert autumn == [
        tuple(int(datetime(2026, 10, day, tzinfo=ZoneInfo("Europe/London")).timestamp()) for day in (25, 26))
    ]


def test_many_short_sessions_are_looked_up_in_shorter_slots() -> None:
    every_minute = [(NINE + timedelta(minutes=n), NINE + timedelta(minutes=n, seconds=20)) for n in range(200)]
    table = session_table(Calendar.of_sessions("mine", every_minute), None)
    assert table.slot_seconds < 3600
    assert table.parts <= 60
    day = session_table(Calendar.of_zone("UTC"), None)
    assert day.begins.shape == (1, 1)
