"""When exchanges trade: sessions as plain arrays, which windows of a trading day are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import numpy.typing as npt

from mdstream.errors import InvalidInputError, brought_by, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

FIRST_DAY = date(2000, 1, 1)
"""The first day of a calendar, unless told otherwise."""

LAST_DAY = date(2040, 12, 31)
"""The last day of a calendar, unless told otherwise: holidays that far ahead are what today's rules say."""

ROUND_THE_CLOCK = "24/7"
"""The calendar of what never closes: each day of UTC is a session."""

Seconds = npt.NDArray[np.int64]
_DAY = timedelta(days=1)
_A_WEEK_OR_SO = timedelta(days=10)


@dataclass(frozen=True, eq=False)
class Calendar:
    """The stretches of time in which an exchange trades; a session with a lunch break has two.

    Attributes:
        name: What its windows are called after, e.g. `XNYS` in `30min@XNYS`.
        zone: The exchange's time zone: its midnights part what is traded after a close from what is traded before the
            next open.
        opens: First second of each stretch since 1970, in order.
        closes: First second after each stretch.
        days: The session that each stretch is part of, by its date; an evening's open is the next day's session.
        first: First second of which the calendar knows whether it is in a session.
        last: First second after the last one of which it does.
    """

    name: str
    zone: str
    opens: Seconds = field(repr=False)
    closes: Seconds = field(repr=False)
    days: npt.NDArray[np.datetime64] = field(repr=False)
    first: int
    last: int

    def __post_init__(self) -> None:
        if not len(self.opens):
            raise InvalidInputError(f"calendar {self.name} has no session")
        wrong = (self.closes <= self.opens) | np.append(False, self.opens[1:] < self.closes[:-1])
        if wrong.any():
            at = datetime.fromtimestamp(int(self.opens[int(np.argmax(wrong))]), UTC)
            raise InvalidInputError(
                f"calendar {self.name}: the session that opens at {at.isoformat()} closes before that, or begins "
                "before the one before has closed"
            )

    @classmethod
    def of_exchange(cls, name: str, first: date = FIRST_DAY, last: date = LAST_DAY) -> Calendar:
        """Return the sessions of an exchange, as the package `exchange_calendars` knows them.

        Holidays, early closes, lunch breaks and the evening opens of futures are in it. `24/7` needs no package.

        Args:
            name: E.g. XNYS, XLON, XTKS or CMES, or another name that the package has for it, e.g. NYSE.
            first: The first day; later if the package knows none so early.
            last: The last day; earlier if the package knows none so late.

        Raises:
            MissingDependencyError: The package is not installed; the message names the extra.
            InvalidInputError: There is no such exchange.

        Example:
            >>> calendar = Calendar.of_exchange("XNYS", date(2024, 11, 29), date(2024, 11, 29))  # Thanksgiving's Friday
            >>> [datetime.fromtimestamp(second, UTC).isoformat() for second in calendar.sessions()[0]]
            ['2024-11-29T14:30:00+00:00', '2024-11-29T18:00:00+00:00']
        """
        return _exchange(name, first, last)

    @classmethod
    def of_zone(cls, zone: str, first: date = FIRST_DAY, last: date = LAST_DAY) -> Calendar:
        """Return the days of a time zone as sessions, from midnight to midnight: 23, 24 or 25 hours.

        Raises:
            InvalidInputError: There is no such time zone.

        Example:
            >>> Calendar.of_zone("Europe/London", date(2026, 3, 29), date(2026, 3, 29)).sessions()  # 23 hours
            [(1774742400, 1774825200)]
        """
        return _zone(zone, zone, first, last)

    @classmethod
    def of_sessions(cls, name: str, sessions: Iterable[tuple[datetime, datetime]], zone: str = "UTC") -> Calendar:
        """Return a calendar of one's own.

        Args:
            name: What its windows are called after.
            sessions: Open and close of each, with their time zones, in whole seconds. Those that close on one day of
                the zone are one session with a break.
            zone: Whose days they are.

        Raises:
            InvalidInputError: A time has no zone or a fraction of a second, two sessions overlap, or there is none.

        Example:
            >>> sunday = datetime(2026, 1, 4, 23, tzinfo=UTC), datetime(2026, 1, 5, 22, tzinfo=UTC)
            >>> Calendar.of_sessions("mine", [sunday]).days.astype(str).tolist()
            ['2026-01-05']
        """
        spans = sorted((_second(name, opened), _second(name, closed)) for opened, closed in sessions)
        opens, closes = (np.array([span[end] for span in spans], np.int64) for end in (0, 1))
        clock = _zone_info(zone)
        dates = [datetime.fromtimestamp(int(close) - 1, clock).date() for close in closes]
        days = np.array(dates, "datetime64[D]")
        if not dates:
            return cls(name, zone, opens, closes, days, 0, 0)
        first = min(int(opens[0]), _midnight(dates[0], clock))
        return cls(name, zone, opens, closes, days, first, _midnight(dates[-1] + _DAY, clock))

    def sessions(self) -> list[tuple[int, int]]:
        """Return open and close of each stretch in which the exchange trades, as seconds since 1970.

        Example:
            >>> len(Calendar.of_zone("UTC", date(2024, 1, 1), date(2024, 12, 31)).sessions())
            366
        """
        within = (self.opens < self.last) & (self.closes > self.first)
        return list(zip(self.opens[within].tolist(), self.closes[within].tolist(), strict=True))

    def midnights(self) -> Seconds:
        """Return the first second of each day of the zone that the calendar covers."""
        clock = _zone_info(self.zone)
        day = datetime.fromtimestamp(self.first, clock).date()
        end = datetime.fromtimestamp(self.last, clock).date()
        return np.array([_midnight(day + timedelta(days=n), clock) for n in range((end - day).days + 1)], np.int64)


def calendar_of(name: str, own: Mapping[str, Calendar]) -> Calendar:
    """Return the calendar that a window's text names: one of one's own, a time zone's or an exchange's.

    Raises:
        MissingDependencyError: It may be an exchange's, and the package that knows them is not installed.
        InvalidInputError: There is none of that name.

    Example:
        >>> calendar_of("Europe/London", {}).zone
        'Europe/London'
    """
    if name in own:
        return own[name]
    is_zone = name != ROUND_THE_CLOCK and (name == "UTC" or ("/" in name and name in available_timezones()))
    return Calendar.of_zone(name) if is_zone else Calendar.of_exchange(name)


@lru_cache(maxsize=64)
def _zone(name: str, zone: str, first: date, last: date) -> Calendar:
    clock = _zone_info(zone)
    dates = [first + timedelta(days=number) for number in range((last - first).days + 2)]
    midnights = np.array([_midnight(day, clock) for day in dates], np.int64)
    days = np.array(dates[:-1], "datetime64[D]")
    if not len(days):
        return Calendar(name, zone, midnights[:0], midnights[:0], days, 0, 0)
    return Calendar(name, zone, midnights[:-1], midnights[1:], days, int(midnights[0]), int(midnights[-1]))


@lru_cache(maxsize=64)
def _exchange(name: str, first: date, last: date) -> Calendar:
    if name == ROUND_THE_CLOCK:
        return _zone(name, "UTC", first, last)
    with brought_by("calendars"):
        import exchange_calendars
    known = exchange_calendars.get_calendar_names(include_aliases=True)
    if name not in known:
        hint = did_you_mean(name, known)
        hint = hint if hint.startswith("did") else "expected a name like XNYS, XLON, XTKS, CMES or 24/7"
        raise InvalidInputError(f"there is no exchange or time zone '{name}'; {hint}")
    code = exchange_calendars.resolve_alias(name)
    # The class says how far it goes, and is found by an instance.
    some = type(exchange_calendars.get_calendar(code, start="2020-01-01", end="2020-01-31"))
    earliest, latest = some.bound_min(), some.bound_max()
    first = first if earliest is None else max(first, earliest.date())
    last = last if latest is None else min(last, latest.date())
    # Sessions around the first and the last day may reach into them.
    start = first if earliest is not None else first - _A_WEEK_OR_SO
    end = last if latest is not None else last + _A_WEEK_OR_SO
    calendar = exchange_calendars.get_calendar(code, start=start.isoformat(), end=end.isoformat())
    return _of_schedule(name, str(calendar.tz), calendar.schedule, first, last)


def _of_schedule(name: str, zone: str, schedule: pd.DataFrame, first: date, last: date) -> Calendar:
    times = {column: schedule[column].to_numpy("datetime64[s]") for column in schedule.columns}
    has_break = ~np.isnat(times["break_start"])
    opens = np.concatenate([times["open"], times["break_end"][has_break]])
    closes = np.concatenate([np.where(has_break, times["break_start"], times["close"]), times["close"][has_break]])
    days = schedule.index.to_numpy("datetime64[D]")
    order = np.argsort(opens, kind="stable")
    clock = _zone_info(zone)
    return Calendar(
        name,
        zone,
        opens.astype(np.int64)[order],
        closes.astype(np.int64)[order],
        np.concatenate([days, days[has_break]])[order],
        _midnight(first, clock),
        _midnight(last + _DAY, clock),
    )


def _zone_info(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (KeyError, OSError, ValueError) as exc:
        near = did_you_mean(zone, available_timezones())
        hint = near if near.startswith("did") else "expected one like UTC or America/New_York"
        raise InvalidInputError(f"there is no time zone '{zone}'; {hint}") from exc


def _midnight(day: date, clock: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=clock).timestamp())


def _second(name: str, time: datetime) -> int:
    if time.tzinfo is None or time.microsecond:
        raise InvalidInputError(
            f"calendar {name}: found the time {time.isoformat()}; expected whole seconds with a time zone"
        )
    return int(time.timestamp())
