"""Calendars of tests, by hand: what they say is in the exchanges' own rules."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from mdstream.schemas.calendars import Calendar

NEW_YORK = ZoneInfo("America/New_York")
CHICAGO = ZoneInfo("America/Chicago")
TOKYO = ZoneInfo("Asia/Tokyo")


def ny(text: str) -> datetime:
    """A time of New York's clock in 2024 or 2026, e.g. `2026-03-06 09:30`."""
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def us(text: str) -> datetime:
    """A time of Chicago's clock in March 2026, e.g. `06 17:00`."""
    return datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=CHICAGO)


def jp(text: str) -> datetime:
    """A time of Tokyo's clock on 2026-03-05."""
    return datetime.fromisoformat(f"2026-03-05 {text}").replace(tzinfo=TOKYO)


def stock_exchange() -> Calendar:
    """New York around the change to summer time on 2026-03-08, and a half day."""
    days = ["2026-03-05", "2026-03-06", "2026-03-09", "2026-03-10", "2026-04-01", "2026-04-02"]
    spans = [(ny(f"{day} 09:30"), ny(f"{day} {'13:00' if day == '2026-03-10' else '16:00'}")) for day in days]
    return Calendar.of_sessions("NY", spans, "America/New_York")


def with_lunch() -> Calendar:
    """Tokyo's two halves of a day."""
    return Calendar.of_sessions("T", [(jp("09:00"), jp("11:30")), (jp("12:30"), jp("15:30"))], "Asia/Tokyo")


def futures() -> Calendar:
    """Chicago's evening opens: Monday's session begins on Sunday at 17:00, in the week of the change of clocks."""
    spans = [(us("05 17:00"), us("06 16:00")), (us("08 17:00"), us("09 16:00"))]
    return Calendar.of_sessions("F", spans, "America/Chicago")
