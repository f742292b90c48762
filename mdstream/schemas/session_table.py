"""In which session an instant is, as arrays to look up in: one step to the day, one to a part of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mdstream.errors import InvalidInputError
from mdstream.schemas.calendars import Calendar, Seconds
from mdstream.schemas.session_windows import Period

MAX_SPAN_SECONDS = 96 * 86_400
"""Longest window of a calendar: a quarter fits, and trades of one are ranked by a number with room for it."""

_SLOT_SECONDS = (86_400, 21_600, 3_600, 900, 60)
_MOST_PARTS = 8
_NEVER = 2**31 - 1

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SessionTable:
    """Stretches of a calendar by slots of time, most of which are alike: days of one pattern.

    Slot `n` begins at `origin + n x slot_seconds`. Its pattern lists its parts in order, the stretch that goes on when
    it begins, then those that begin in it; times are seconds from the slot's begin.

    Attributes:
        origin: Where the first slot begins, in seconds since 1970.
        slot_seconds: Length of a slot.
        patterns: The pattern of each slot.
        begins: When each part begins, a row a pattern; `_NEVER` behind the last.
        starts: Where the window of a period, or the first window of a length, begins in each part.
        ends: Where the period, or the last window, ends.
        in_session: Whether the exchange trades in each part.
    """

    origin: int
    slot_seconds: int
    patterns: Numbers
    begins: Numbers
    starts: Numbers
    ends: Numbers
    in_session: npt.NDArray[np.bool_]

    @property
    def parts(self) -> int:
        """How many parts a slot has at most."""
        return int(self.begins.shape[1])


@dataclass(frozen=True, eq=False)
class _Stretches:
    """All time that a calendar covers: stretches of trading and the gaps between them, cut at midnights."""

    begins: Seconds
    starts: Seconds
    ends: Seconds
    in_session: npt.NDArray[np.bool_]


@lru_cache(maxsize=64)
def session_table(calendar: Calendar, period: Period | None) -> SessionTable:
    """Return the table of a calendar for windows of a length, or of a period.

    Raises:
        InvalidInputError: A session, or what is put together, is longer than `MAX_SPAN_SECONDS`.
    """
    for slot in _SLOT_SECONDS:
        origin = calendar.first // slot * slot
        slots = -(-(calendar.last - origin) // slot)
        stretches = _stretches(calendar, period, origin, origin + slots * slot)
        at = origin + slot * np.arange(slots, dtype=np.int64)
        first = np.searchsorted(stretches.begins, at, "right") - 1
        last = np.searchsorted(stretches.begins, at + slot, "left") - 1
        parts = int((last - first).max()) + 1
        if parts <= _MOST_PARTS or slot == _SLOT_SECONDS[-1]:
            break
    return _table(stretches, at, slot, first, last)


def _table(stretches: _Stretches, at: Seconds, slot: int, first: Numbers, last: Numbers) -> SessionTable:
    numbers = first[:, None] + np.arange(int((last - first).max()) + 1)
    is_there = numbers <= last[:, None]
    numbers = np.minimum(numbers, last[:, None])
    columns = [
        np.where(is_there, stretches.begins[numbers] - at[:, None], _NEVER),
        np.where(is_there, stretches.starts[numbers] - at[:, None], 0),
        np.where(is_there, stretches.ends[numbers] - at[:, None], 0),
        np.where(is_there, stretches.in_session[numbers], 0),
    ]
    # What began before the slot is its first part, whenever that was.
    columns[0][:, 0] = np.minimum(columns[0][:, 0], 0).clip(0)
    rows, patterns = np.unique(np.hstack(columns), axis=0, return_inverse=True)
    begins, starts, ends, in_session = np.split(rows, 4, axis=1)
    return SessionTable(int(at[0]), slot, patterns.reshape(-1), begins, starts, ends, in_session.astype(bool))


def _stretches(calendar: Calendar, period: Period | None, origin: int, end: int) -> _Stretches:
    opens, closes = calendar.opens, calendar.closes
    midnights = calendar.midnights()
    of = np.searchsorted(opens, midnights, "right") - 1
    within = (of >= 0) & (midnights < closes[of])
    cuts = np.unique(np.concatenate([opens, closes, midnights[~within], [origin, end]]))
    begins, ends = cuts[:-1], cuts[1:]
    of = np.searchsorted(opens, begins, "right") - 1
    in_session = (of >= 0) & (begins < closes[of])
    # A begin or an end of the table that lies in a session is none of the session's.
    starts, ends = np.where(in_session, opens[of], begins), np.where(in_session, closes[of], ends)
    if period is not None:
        first, last = _periods(calendar, period)
        starts, ends = np.where(in_session, first[of], starts), np.where(in_session, last[of], ends)
    longest = int((ends - starts)[in_session].max())
    if longest > MAX_SPAN_SECONDS:
        raise InvalidInputError(
            f"calendar {calendar.name} has a {period or 'session'} of {longest // 86_400} days; expected at most "
            f"{MAX_SPAN_SECONDS // 86_400}"
        )
    return _Stretches(begins, starts, ends, in_session)


def _periods(calendar: Calendar, period: Period) -> tuple[Seconds, Seconds]:
    """Return the first open and the last close of each stretch's period."""
    keys = period_numbers(calendar, period)
    _, first, of, count = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    return calendar.opens[first][of], calendar.closes[first + count - 1][of]


def period_numbers(calendar: Calendar, period: Period) -> Numbers:
    """Return for each stretch of a calendar the number of its day, week, month or quarter."""
    days = calendar.days.astype("datetime64[D]").astype(np.int64)
    months = calendar.days.astype("datetime64[M]").astype(np.int64)
    # 1970 began on a Thursday.
    return {Period.DAY: days, Period.WEEK: (days + 3) // 7, Period.MONTH: months, Period.QUARTER: months // 3}[period]
