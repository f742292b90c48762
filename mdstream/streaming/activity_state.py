"""Bars by activity of one symbol, trade by trade: what `to_activity_bars` makes of all trades at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_FRACTIONS = 10**10
"""Amounts are whole numbers of so small parts, as in the batch: their sums are exact."""


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade as a bar needs it.

    Attributes:
        time: When it happened, in epoch microseconds.
        ingest: When it was ingested, in epoch microseconds; `NEVER` where that is not known.
        price: In the currency.
        stretch: What trades have in common that may be in one bar.
        amount: What it counts for, in ten-billionths; so are the others.
        volume: Its size.
        notional: Its price x size.
    """

    time: int
    ingest: int
    price: float
    stretch: int
    amount: int
    volume: int
    notional: int


@dataclass(slots=True)
class ActivityBar:
    """A bar so far, of at least one trade.

    Attributes:
        number: Its place in its symbol's, from 1 on.
        stretch: Of its trades.
        wanted: What is counted in the stretch when it is complete.
        after: What was counted in the stretch up to its last trade.
        first: Time of the first trade.
        last: Time of the last one.
        ingest: The last time of ingestion.
        open: Price of the first trade.
        high: The highest price.
        low: The lowest.
        close: Price of the last trade.
        volume: Sum of its trades' sizes.
        notional: Sum of their price x size.
        count: How many they are.
    """

    number: int
    stretch: int
    wanted: int
    after: int
    first: int
    last: int
    ingest: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    notional: int
    count: int

    @property
    def is_complete(self) -> bool:
        """Whether it has all that it is to have: then the next trade is in another."""
        return self.after >= self.wanted

    @property
    def vwap(self) -> float | None:
        """Its mean price by size; within low and high, which rounding alone could leave."""
        if self.volume <= 0:
            return None
        return max(self.low, min(self.high, as_number(self.notional) / as_number(self.volume)))

    def add(self, trade: Trade) -> None:
        """Take a trade in."""
        self.after += trade.amount
        self.last, self.close = trade.time, trade.price
        self.ingest = max(self.ingest, trade.ingest)
        self.high, self.low = max(self.high, trade.price), min(self.low, trade.price)
        self.volume += trade.volume
        self.notional += trade.notional
        self.count += 1


def as_number(parts: int) -> float:
    """Return the double nearest to so many ten-billionths."""
    return parts / _FRACTIONS


def grown(trades: Iterable[Trade], bar: ActivityBar | None, threshold: int) -> Iterator[tuple[ActivityBar, bool]]:
    """Yield the newest bar after each trade that ends one, and at the end.

    Args:
        trades: Of one symbol, in their order.
        bar: The newest bar before them.
        threshold: How much a bar has, in ten-billionths.

    Yields:
        A bar, and whether it has just ended. At last the newest bar, which has not, or had ended before.
    """
    for trade in trades:
        is_new_stretch = bar is None or bar.stretch != trade.stretch
        if bar is not None and is_new_stretch and not bar.is_complete:
            yield bar, True
        if bar is None or is_new_stretch or bar.is_complete:
            before = 0 if bar is None or is_new_stretch else bar.after
            bar = _begun(trade, 1 if bar is None else bar.number + 1, before, threshold)
        bar.add(trade)
        if bar.is_complete:
            yield bar, True
    if bar is not None:
        yield bar, False


def _begun(trade: Trade, number: int, before: int, threshold: int) -> ActivityBar:
    """Return a bar that has none of its trades yet."""
    wanted = (before // threshold + 1) * threshold
    prices = (trade.price,) * 4
    return ActivityBar(number, trade.stretch, wanted, before, trade.time, trade.time, trade.ingest, *prices, 0, 0, 0)
