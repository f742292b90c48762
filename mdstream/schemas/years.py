"""How many windows a year has, by the sessions of a calendar."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from mdstream.errors import InvalidInputError
from mdstream.schemas.calendars import Calendar, calendar_of
from mdstream.schemas.session_table import period_numbers
from mdstream.schemas.session_windows import Period, Window, parse_window
from mdstream.schemas.windows import BarWindow


def periods_a_year(window: Window | str, calendar: Calendar | str | None = None) -> float:
    """Return how many windows with trading a year has: what the variance of one is multiplied by to annualise it.

    It is the mean over all years, and parts of years, that the calendar covers; a calendar of one year has that year's.

    Args:
        window: Any window, or its name, e.g. `1d@XNYS`.
        calendar: When there is trading, or its name (`XNYS`, `24/7`, `Europe/London`): for windows of a length, which
            do not say so themselves. Counted are those that have a part of a session.

    Raises:
        InvalidInputError: A window of a length is given without a calendar, one of a calendar with another, or there is
            no such window or calendar.
        MissingDependencyError: The calendar is an exchange's, and the package that knows them is not installed.

    Example:
        >>> from datetime import date
        >>> leap_year = Calendar.of_zone("UTC", date(2024, 1, 1), date(2024, 12, 31))
        >>> periods_a_year("1d@UTC") > 365, periods_a_year("1h", leap_year)
        (True, 8784.0)
    """
    named = parse_window(window) if isinstance(window, str) else window
    if isinstance(named, BarWindow):
        if calendar is None:
            raise InvalidInputError(
                f"the window {named.name} does not say when there is trading; expected a calendar, e.g. XNYS or 24/7"
            )
        of = calendar_of(calendar, {}) if isinstance(calendar, str) else calendar
        return _plain_windows(of, named.seconds) / _years(of)
    if calendar is not None:
        raise InvalidInputError(f"the window {named.name} is one of a calendar; expected no other calendar")
    of = named.calendar
    if named.seconds is not None:
        return _parts(of, named.seconds) / _years(of)
    count = len(np.unique(period_numbers(of, named.period or Period.DAY)[_within(of)]))
    return count / _years(of)


def _years(calendar: Calendar) -> float:
    """Return the years that a calendar covers, with fractions."""
    clock = ZoneInfo(calendar.zone)

    def year_of(second: int) -> float:
        # On the exchange's clock, so that a whole year is exactly one.
        time = datetime.fromtimestamp(second, clock).replace(tzinfo=UTC)
        begin, end = (datetime(year, 1, 1, tzinfo=UTC) for year in (time.year, time.year + 1))
        return time.year + (time - begin) / (end - begin)

    return year_of(calendar.last) - year_of(calendar.first)


def _within(calendar: Calendar) -> npt.NDArray[np.bool_]:
    return (calendar.opens >= calendar.first) & (calendar.opens < calendar.last)


def _plain_windows(calendar: Calendar, seconds: int) -> int:
    within = _within(calendar)
    begins, ends = calendar.opens[within] // seconds, -(-calendar.closes[within] // seconds)
    # A window in which one session ends and the next begins is one window.
    counted_to = np.append(begins[:1], np.maximum.accumulate(ends)[:-1])
    return int((ends - np.maximum(begins, counted_to)).clip(0).sum())


def _parts(calendar: Calendar, seconds: int) -> int:
    within = _within(calendar)
    return int((-(-(calendar.closes[within] - calendar.opens[within]) // seconds)).sum())
