"""How many windows a year has, against what the exchanges' calendars have, counted."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from mdstream.errors import InvalidInputError
from mdstream.schemas.calendars import Calendar
from mdstream.schemas.session_windows import parse_window
from mdstream.schemas.years import periods_a_year

# Tokyo's two days, with a break, as parts of a year of 365 days.
DAYS = 2
TOKYO = Calendar.of_sessions(
    "T",
    [
        (datetime(2026, 3, day, begin, tzinfo=UTC), datetime(2026, 3, day, *end, tzinfo=UTC))
        for day in (5, 6)
        for begin, end in ((0, (2, 30)), (3, (6, 30)))
    ],
)


# NYSE's own count of its sessions: 252 in 2024, of which three end at 13:00; 250 in 2025, after the day of mourning.
@pytest.mark.parametrize(("year", "sessions", "minutes"), [(2024, 252, 252 * 390 - 3 * 180), (2025, 250, None)])
def test_a_year_of_new_york_has_as_many_sessions_as_there_were(year: int, sessions: int, minutes: int | None) -> None:
    pytest.importorskip("exchange_calendars")
    calendar = Calendar.of_exchange("XNYS", date(year, 1, 1), date(year, 12, 31))
    assert periods_a_year(parse_window("1d@mine", [_named("mine", calendar)])) == sessions
    if minutes is not None:
        assert periods_a_year("1min", calendar) == minutes
        # A half day of 3.5 hours has four windows of an hour, and a whole one of 6.5 has seven.
        assert periods_a_year(parse_window("1h@mine", [_named("mine", calendar)])) == 249 * 7 + 3 * 4
        assert periods_a_year(parse_window("1mo@mine", [_named("mine", calendar)])) == 12


def test_a_break_parts_windows_and_not_sessions() -> None:
    year = 365 / DAYS
    found = {text: periods_a_year(parse_window(f"{text}@T", [TOKYO])) / year for text in ("1d", "30min", "1h", "1w")}
    assert found == pytest.approx({"1d": 2, "30min": 2 * (5 + 7), "1h": 2 * (3 + 4), "1w": 1})
    plain = {text: periods_a_year(text, TOKYO) / year for text in ("30min", "1h", "4h", "1d")}
    assert plain == pytest.approx({"30min": 24, "1h": 2 * (3 + 4), "4h": 4, "1d": 2})


def test_what_never_closes_has_all_windows() -> None:
    year = Calendar.of_zone("Europe/London", date(2025, 1, 1), date(2025, 12, 31))
    assert periods_a_year("1h", year) == 365 * 24
    assert periods_a_year("1d", "24/7") == pytest.approx(365.25, abs=0.05)


def test_a_window_without_a_calendar_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="the window 1min does not say when there is trading"):
        periods_a_year("1min")
    with pytest.raises(InvalidInputError, match="1d@UTC is one of a calendar; expected no other"):
        periods_a_year("1d@UTC", TOKYO)


def _named(name: str, calendar: Calendar) -> Calendar:
    return Calendar(name, calendar.zone, calendar.opens, calendar.closes, calendar.days, calendar.first, calendar.last)
