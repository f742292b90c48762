"""Windows of a calendar: parts of a session from its open on, sessions, weeks, months and quarters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mdstream.errors import InvalidInputError
from mdstream.schemas.calendars import Calendar, calendar_of
from mdstream.schemas.windows import BarWindow, nearest_window

_DAY_SECONDS = 86_400
_FORM = re.compile(r"([0-9]{1,9})([a-z]+)@(.+)")
_UNITS_OF_PERIODS = {
    "d": "day", "day": "day", "w": "week", "week": "week", "mo": "month", "month": "month", "q": "quarter",
    "quarter": "quarter",
}  # fmt: skip
_EXPECTED = "expected one like 30min@XNYS, 1d@XNYS, 1w@XNYS, 1mo@America/New_York or 1q@UTC"


class Period(StrEnum):
    """What sessions are put together to."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True)
class SessionWindow:
    """A window of a calendar.

    With a length it begins at each open, and again after a break, and is cut at the close. Without one it is all
    sessions of a period: from the first open to the last close.

    Attributes:
        name: What its bars are called, e.g. `30min@XNYS`.
        calendar: When there are sessions.
        seconds: Length in seconds; None for a period.
        period: What is put together, if it has no length; weeks begin on Monday.

    Example:
        >>> SessionWindow("1d of London", Calendar.of_zone("Europe/London"), None, Period.DAY).calendar.zone
        'Europe/London'
    """

    name: str
    calendar: Calendar
    seconds: int | None
    period: Period | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None and not 1 <= self.seconds < _DAY_SECONDS:
            raise InvalidInputError(
                f"window '{self.name}' has {self.seconds} seconds; expected 1 to {_DAY_SECONDS - 1}, "
                "or 1d for a session"
            )


Window = BarWindow | SessionWindow
"""Any window of bars."""


def read_windows(windows: Window | str | Iterable[Window | str]) -> list[Window]:
    """Return windows from any of the forms that they may be given in: one or several, or their names.

    Raises:
        InvalidInputError: A text is not a window, or names no calendar.

    Example:
        >>> [window.name for window in read_windows("1min")], len(read_windows(["1min", BarWindow("5min", 300)]))
        (['1min'], 2)
    """
    several: Iterable[Window | str] = [windows] if isinstance(windows, str | BarWindow | SessionWindow) else windows
    return [parse_window(window) if isinstance(window, str) else window for window in several]


def parse_window(text: str, calendars: Iterable[Calendar] = ()) -> Window:
    """Read a window from its name: a length, or one of a calendar behind `@`.

    A calendar is one of one's own, an exchange of the package `exchange_calendars` (`30min@XNYS`: from each open on;
    `1d@XNYS`: a session; `1w`, `1mo` and `1q`: the sessions of a week, month or quarter), or a time zone, whose days
    are its sessions (`1d@Europe/London`).

    Args:
        text: E.g. `1min`, `30min@XNYS` or `1mo@America/New_York`.
        calendars: One's own.

    Raises:
        InvalidInputError: It is no such text, or names no calendar.
        MissingDependencyError: The calendar is an exchange's, and the package that knows them is not installed.

    Example:
        >>> parse_window("5min")
        BarWindow(name='5min', seconds=300)
        >>> parse_window("1w@Europe/London").period
        <Period.WEEK: 'week'>
    """
    if "@" not in text:
        return BarWindow.parse(text)
    found = _FORM.fullmatch(text)
    if found is None:
        hint = nearest_window(text)
        raise InvalidInputError(f"window '{text}' is not a number, a unit and a calendar; {_EXPECTED}{hint}")
    number, unit, name = found.groups()
    period = _UNITS_OF_PERIODS.get(unit)
    if period is not None and int(number) != 1:
        raise InvalidInputError(f"window '{text}' is of several periods; {_EXPECTED}")
    # What has a length is read before the calendar, which may take seconds.
    seconds = BarWindow.parse(f"{number}{unit}").seconds if period is None else None
    calendar = calendar_of(name, {each.name: each for each in calendars})
    return SessionWindow(text, calendar, seconds, None if period is None else Period(period))
