"""The watchlist: the last price of each symbol, how far it is from the session's open, and what was traded since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mdstream.serving.dashboard.openings import Openings
from mdstream.serving.dashboard.series import Wire

_MOST_QUOTES = 20_000
_MICROS_A_MILLISECOND = 1_000


@dataclass(frozen=True, slots=True)
class Missing:
    """What of a session came before the bars that came here.

    Attributes:
        symbol: Of which symbol.
        opening: When the session began, in epoch microseconds.
        known_from: When the first bar of it began that came here.
    """

    symbol: str
    opening: int
    known_from: int


@dataclass(slots=True)
class _Session:
    opening: int
    known_from: int
    opened: float
    volume: float
    is_known: bool = False


@dataclass(slots=True)
class _Quote:
    version: int
    place: tuple[int, int]
    last: float
    newest_volume: float
    session: _Session


class Quotes:
    """Last prices, and volumes of sessions, from bars of one window.

    Of a bar that is not the newest, later revisions do not count.

    Args:
        openings: When sessions begin.

    Example:
        >>> quotes = Quotes(Openings({}))
        >>> bar = {"symbol": "AAPL", "window_start": 60_000_000, "trade_count": 5, "volume": 30.0}
        >>> quotes.take_bar(bar | {"open": 9.0, "close": 11.0}, version=1)
        True
        >>> quotes.take_missing(Missing("AAPL", 0, 60_000_000), opened=10.0, volume=12.0, version=2)
        >>> list(quotes.since(0))
        [{'symbol': 'AAPL', 'last': 11.0, 'opened': 10.0, 'volume': 42.0, 'opening': 0}]
    """

    def __init__(self, openings: Openings) -> None:
        self._openings = openings
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
        symbol, start = bar["symbol"], bar["window_start"]
        place = (start, bar["trade_count"])
        quote = self._quotes.get(symbol)
        if quote is None and len(self._quotes) >= _MOST_QUOTES:
            return False
        if quote is not None and place <= quote.place:
            return False
        opening = self._openings.before(symbol, start)
        if quote is None or opening > quote.session.opening:
            session = _Session(opening, start, bar["open"], bar["volume"])
        else:
            session = quote.session
            session.volume += bar["volume"] - (quote.newest_volume if start == quote.place[0] else 0.0)
        self._quotes.pop(symbol, None)
        self._quotes[symbol] = _Quote(version, place, bar["close"], bar["volume"], session)
        return True

    def take_missing(self, missing: Missing, opened: float | None, volume: float, version: int) -> None:
        """Take what is known of a session before the bars that came here.

        Args:
            missing: Of which session, and up to when.
            opened: Its first price; None if there are no bars but those that came here.
            volume: What was traded in it.
            version: Of the change.
        """
        quote = self._quotes[missing.symbol]
        session = quote.session
        if session.is_known or (missing.opening, missing.known_from) != (session.opening, session.known_from):
            return
        session.is_known = True
        session.volume += volume
        if opened is not None:
            session.opened, quote.version = opened, version
            self._quotes[missing.symbol] = self._quotes.pop(missing.symbol)

    def reload(self) -> None:
        """Let all sessions be asked for again: bars may have been missed."""
        for quote in self._quotes.values():
            session = quote.session
            quote.session = _Session(session.opening, quote.place[0], session.opened, quote.newest_volume)

    def missing(self) -> list[Missing]:
        """Return of which sessions it is not known how they began."""
        return [
            Missing(symbol, quote.session.opening, quote.session.known_from)
            for symbol, quote in self._quotes.items()
            if not quote.session.is_known
        ]

    def since(self, version: int) -> Iterator[dict[str, Any]]:
        """Yield the quotes that changed after a version, those that changed last first."""
        for symbol, quote in reversed(self._quotes.items()):
            if quote.version <= version:
                return
            session = quote.session
            yield {
                "symbol": symbol,
                "last": quote.last,
                "opened": session.opened,
                "volume": session.volume,
                "opening": session.opening // _MICROS_A_MILLISECOND,
            }
