"""When the session of a symbol began that an instant is in or behind: what changes of prices are measured from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np

from mdstream.schemas.calendars import ROUND_THE_CLOCK, Calendar, Seconds, calendar_of
from mdstream.schemas.sources import ANY_OTHER_SYMBOL

_MICROS = 1_000_000
_DAY = timedelta(days=1) // timedelta(microseconds=1)


class Openings:
    """Openings by the symbols' calendars.

    Args:
        calendars: Names of calendars by symbol, `*` for all others, which else have days of UTC.

    Raises:
        InvalidInputError: There is no calendar of that name.
        MissingDependencyError: It may be an exchange's, and the package that knows them is not installed.

    Example:
        >>> openings = Openings({"SAP": "Europe/Berlin"})
        >>> openings.before("AAPL", 86_400_000_001), openings.before("SAP", 1_767_654_000_000_000)
        (86400000000, 1767654000000000)
    """

    def __init__(self, calendars: Mapping[str, str]) -> None:
        named = {name: calendar_of(name, {}) for name in {*calendars.values()} - {ROUND_THE_CLOCK}}
        opens = {name: _opens_of(calendar) for name, calendar in named.items()}
        self._opens = {symbol: opens[name] for symbol, name in calendars.items() if name in opens}
        self._days = {symbol for symbol, name in calendars.items() if name == ROUND_THE_CLOCK}

    def before(self, symbol: str, micros: int) -> int:
        """Return the newest opening at or before an instant; the day's begin, UTC, where the calendar knows none.

        Args:
            symbol: Of which symbol.
            micros: In epoch microseconds, like what is returned.
        """
        opens = None if symbol in self._days else self._opens.get(symbol, self._opens.get(ANY_OTHER_SYMBOL))
        place = 0 if opens is None else int(np.searchsorted(opens, micros // _MICROS, side="right"))
        if opens is None or not place:
            return micros - micros % _DAY
        return int(opens[place - 1]) * _MICROS


def _opens_of(calendar: Calendar) -> Seconds:
    """Return when each session begins: a lunch break parts none."""
    begins = np.append(True, calendar.days[1:] != calendar.days[:-1])
    opens: Seconds = calendar.opens[begins]
    return opens
