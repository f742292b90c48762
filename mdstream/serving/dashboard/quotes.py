"""The watchlist: the last price of each symbol and how far it is from where the day began."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mdstream.serving.dashboard.series import Wire

_MOST_QUOTES = 20_000
_DAY = timedelta(days=1) // timedelta(microseconds=1)


def day_of(micros: int) -> int:
    """Return the first instant of the day, UTC, in epoch microseconds.

    Example:
        >>> day_of(86_400_000_001)
        86400000000
    """
    return micros - micros % _DAY


@dataclass(slots=True)
class _Quote:
    version: int
    place: tuple[int, int]
    last: float
    day: int
    opened: float
    day_is_known: bool = False


class Quotes:
    """Last prices, from bars of one window.

    Example:
        >>> quotes = Quotes()
        >>> bar = {"symbol": "AAPL", "window_start": 0, "open": 9.0, "close": 11.0, "trade_count": 5}
        >>> quotes.take_bar(bar, version=1)
        True
        >>> quotes.take_day("AAPL", 0, 10.0, version=2)
        >>> list(quotes.since(0))
        [{'symbol': 'AAPL', 'last': 11.0, 'opened': 10.0}]
    """

    def __init__(self) -> None:
        # Those that changed last are the last.
        self._quotes: dict[str, _Quote] = {}

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._quotes

    @property
    def symbols(self) -> list[str]:
        """Every symbol that has a price, in alphabetical order."""
        return sorted(self._quotes)

    def take_bar(self, bar: Wire, version: int) -> bool:
        """Take the close of a bar as the last price unless a newer one is known; return whether it was taken."""
        place = (bar["window_start"], bar["trade_count"])
        quote = self._quotes.get(bar["symbol"])
        day = day_of(bar["window_start"])
        if quote is None and len(self._quotes) >= _MOST_QUOTES:
            return False
        if quote is None:
            self._quotes[bar["symbol"]] = _Quote(version, place, bar["close"], day, bar["open"], False)
            return True
        if place <= quote.place:
            return False
        if day > quote.day:
            quote.day, quote.opened, quote.day_is_known = day, bar["open"], False
        quote.version, quote.place, quote.last = version, place, bar["close"]
        self._quotes[bar["symbol"]] = self._quotes.pop(bar["symbol"])
        return True

    def take_day(self, symbol: str, day: int, opened: float | None, version: int) -> None:
        """Take what is known of how a day began: its first price, or that there is none but those that came here."""
        quote = self._quotes[symbol]
        if day != quote.day:
            return
        quote.day_is_known = True
        if opened is not None:
            quote.opened, quote.version = opened, version
            self._quotes[symbol] = self._quotes.pop(symbol)

    def without_day(self) -> list[tuple[str, int]]:
        """Return the symbols of which it is not known how the day of their last price began, with that day."""
        return [(symbol, quote.day) for symbol, quote in self._quotes.items() if not quote.day_is_known]

    def since(self, version: int) -> Iterator[dict[str, Any]]:
        """Yield the quotes that changed after a version, those that changed last first."""
        for symbol, quote in reversed(self._quotes.items()):
            if quote.version <= version:
                return
            yield {"symbol": symbol, "last": quote.last, "opened": quote.opened}
