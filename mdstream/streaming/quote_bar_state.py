"""Bars of quotes of one symbol, quote by quote: what `to_quote_bars` makes of all quotes at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from mdstream.transforms.bar_terms import FRACTIONS, MICROSECONDS

_SPREADS = ("spread", "spread_bps")
_PLACE = ("number", "start", "end", "extended")
_PRICES = ("open", "high", "low", "close")

FIELDS: Mapping[str, str] = {
    **dict.fromkeys(_PLACE, "bigint"),
    **dict.fromkeys((*_PRICES, *_SPREADS, "quoted_seconds"), "double"),
    **dict.fromkeys(("quote_count", "last"), "bigint"),
}
"""Columns of a bar as the operator gives it, and their types."""

Bar = dict[str, Any]


class Quote(NamedTuple):
    """What a quote contributes; the other fields are null if it can not be right."""

    time: int
    mid: float | None
    spread: float | None
    spread_bps: float | None


@dataclass(frozen=True)
class QuoteSeries:
    """The newest quote of a symbol, and the bars that it is in or that still get quotes.

    Attributes:
        kept: What the state keeps, of what JSON can hold: `quote` and `bars`.
    """

    kept: dict[str, Any]

    @classmethod
    def of(cls, kept: dict[str, Any]) -> QuoteSeries:
        """Return the series that the state keeps, or a new one."""
        kept.setdefault("quote", None)
        kept.setdefault("bars", [])
        return cls(kept)

    def take(self, quote: Quote, windows: Iterable[tuple[int, ...]]) -> None:
        """Take the next quote in.

        Args:
            quote: At or after the one before it.
            windows: Number, start, end and whether it is outside of sessions, of each window that the quote is in.
        """
        before = None if self.kept["quote"] is None else Quote(*self.kept["quote"])
        for bar in self.kept["bars"]:
            _settle(bar, quote.time)
        for place in windows:
            _add(self._bar(place), quote, before)
        self.kept["quote"] = list(quote)

    def ended(self, reached: int) -> Iterator[Bar]:
        """Yield the bars whose windows have been passed, and forget them."""
        bars: list[Bar] = self.kept["bars"]
        self.kept["bars"] = [bar for bar in bars if bar["end"] > reached]
        for bar in bars:
            if bar["end"] <= reached:
                _settle(bar, bar["end"])
                if bar["count"]:
                    yield bar

    def ends(self) -> Iterator[int]:
        """Yield when the windows of the bars end."""
        return (bar["end"] for bar in self.kept["bars"])

    def _bar(self, place: tuple[int, ...]) -> Bar:
        for bar in self.kept["bars"]:
            if (bar["number"], bar["start"], bar["extended"]) == (place[0], place[1], place[3]):
                return bar  # type: ignore[no-any-return]
        new: Bar = dict(zip(_PLACE, place, strict=True))
        new |= {"pending": None, "count": 0, "micros": 0, "last": None}
        new |= {f"{name}_{part}": 0 for name in _SPREADS for part in ("whole", "rest")}
        self.kept["bars"].append(new)
        return new


def as_result(bar: Bar) -> tuple[object, ...]:
    """Return a bar that has ended as the operator gives it."""
    seconds = bar["micros"] / MICROSECONDS
    totals = (bar[f"{name}_whole"] + bar[f"{name}_rest"] / FRACTIONS for name in _SPREADS)
    means = (total / seconds if seconds else None for total in totals)
    places = (bar[name] for name in _PLACE)
    prices = (bar[name] for name in _PRICES)
    return (*places, *prices, *means, seconds, bar["count"], bar["last"])


def _add(bar: Bar, quote: Quote, before: Quote | None) -> None:
    """Take a quote into a bar; for how long it is in force is not known yet."""
    carried = quote.time - bar["start"] if before is not None and before.time < bar["start"] else 0
    earlier = before if before is not None and before.mid is not None else Quote(0, None, None, None)
    # Together with what was in force from the window's begin on, since the batch rounds both as one.
    bar["pending"] = [list(quote), carried if earlier.mid is not None else 0, earlier.spread, earlier.spread_bps]
    if quote.mid is None:
        return
    if not bar["count"]:
        bar |= {"open": quote.mid, "high": quote.mid, "low": quote.mid}
    bar |= {"close": quote.mid, "last": quote.time, "count": bar["count"] + 1}
    bar["high"], bar["low"] = max(bar["high"], quote.mid), min(bar["low"], quote.mid)


def _settle(bar: Bar, until: int) -> None:
    """Count for how long the newest quote of a bar was in force, and the one before the bar, until another came."""
    if bar["pending"] is None:
        return
    fields, carried, *earlier = bar["pending"]
    quote = Quote(*fields)
    own = min(until, bar["end"]) - quote.time if quote.mid is not None else 0
    bar["micros"] += own + carried
    for name, spread, earlier_spread in zip(_SPREADS, (quote.spread, quote.spread_bps), earlier, strict=True):
        weighted = (0.0 if spread is None else spread * own) + (
            0.0 if earlier_spread is None else earlier_spread * carried
        )
        value = weighted / MICROSECONDS
        whole = math.floor(value)
        bar[f"{name}_whole"] += whole
        bar[f"{name}_rest"] += math.floor((value - whole) * FRACTIONS + 0.5)
    bar["pending"] = None
