"""What bars there have to be, in plain Python, from the ticks that were sent.

None of the product's computations: a bar is what the design says it is. Ticks are taken in the order in which Kafka has
them, which is that in which a bar's revisions come: its revision n is made of its first n trades.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

SECOND = 1_000_000

BarKey = tuple[str, str, int]
"""Symbol, window, and start in epoch microseconds."""


class Trade(NamedTuple):
    """A tick in Kafka.

    Attributes:
        counts: Whether it is in bars: it was not cancelled.
    """

    partition: int
    offset: int
    symbol: str
    price: float
    size: float
    event_time: int
    ingest_time: int
    sequence: int | None
    counts: bool

    @property
    def rank(self) -> tuple[int, int, int]:
        """Where it stands among the trades of a bar."""
        return self.event_time, self.offset if self.sequence is None else self.sequence, self.offset


class BarValues(NamedTuple):
    """A revision of a bar."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float
    trade_count: int
    last_event_time: int
    last_ingest_time: int


@dataclass
class ModelBar:
    """A bar and all its revisions.

    Attributes:
        trades: In Kafka's order.
    """

    trades: list[Trade] = field(default_factory=list)

    def revisions(self) -> Iterator[BarValues]:
        """Yield the bar after each of its trades."""
        first = last = self.trades[0]
        high = low = first.price
        volume = notional = 0.0
        newest = arrived = 0
        for count, trade in enumerate(self.trades, 1):
            first = min(first, trade, key=lambda each: each.rank)
            last = max(last, trade, key=lambda each: each.rank)
            high, low = max(high, trade.price), min(low, trade.price)
            # Exact: see PRICE_STEPS.
            volume += trade.size
            notional += trade.price * trade.size
            newest, arrived = max(newest, trade.event_time), max(arrived, trade.ingest_time)
            vwap = notional / volume
            yield BarValues(first.price, high, low, last.price, volume, vwap, count, newest, arrived)

    @cached_property
    def final(self) -> BarValues:
        """Its last revision."""
        *_, last = self.revisions()
        return last

    @cached_property
    def offsets(self) -> array[int]:
        """Where its trades lie in their partition."""
        return array("q", [trade.offset for trade in self.trades])

    @cached_property
    def closes_and_volumes(self) -> tuple[array[float], array[float]]:
        """Close and volume of each revision."""
        closes, volumes = array("d"), array("d")
        for values in self.revisions():
            closes.append(values.close)
            volumes.append(values.volume)
        return closes, volumes


@dataclass
class ModelSeries:
    """The bars of a symbol and window.

    Attributes:
        bars: By their start.
        starts: Of all bars, in order.
    """

    bars: dict[int, ModelBar] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    _late: list[tuple[int, int]] = field(default_factory=list)
    _begins: list[tuple[int, int]] = field(default_factory=list)

    def add(self, trade: Trade, start: int) -> None:
        if start not in self.bars:
            self.bars[start] = ModelBar()
            insort(self.starts, start)
        if not self._begins or start > self._begins[-1][0]:
            self._begins.append((start, trade.offset))
        elif start < self._begins[-1][0]:
            self._late.append((trade.offset, start))
        self.bars[start].trades.append(trade)

    @property
    def closed(self) -> list[int]:
        """Starts of the bars that are closed: all but the last."""
        return self.starts[:-1]

    def is_changed_late(self, start: int) -> bool:
        """Say whether trades came to a bar, or to one before it, when it had closed."""
        place = bisect_right(self._begins, (start, 2**63))
        if place == len(self._begins):
            return False
        closed = self._begins[place][1]
        return any(late > closed and of <= start for late, of in self._late)

    def changed_between(self, start: int, first: int, last: int) -> list[int]:
        """Return the offsets in (first, last) of late trades of bars before one."""
        return [late for late, of in self._late if first < late < last and of < start]

    def at(self, start: int, offset: int) -> tuple[list[float], list[float]]:
        """Return closes and volumes up to a bar as they were behind an offset."""
        closes, volumes = [], []
        for each in self.starts[: bisect_right(self.starts, start)]:
            bar = self.bars[each]
            count = bisect_right(bar.offsets, offset)
            if count:
                all_closes, all_volumes = bar.closes_and_volumes
                closes.append(all_closes[count - 1])
                volumes.append(all_volumes[count - 1])
        return closes, volumes


def model_of(trades: Iterable[Trade], windows: dict[str, int]) -> dict[tuple[str, str], ModelSeries]:
    """Return the series of all symbols and windows.

    Args:
        trades: All that were sent.
        windows: Length in seconds by name.
    """
    series: dict[tuple[str, str], ModelSeries] = {}
    for trade in sorted(trades, key=lambda each: (each.partition, each.offset)):
        if trade.counts:
            for name, seconds in windows.items():
                start = trade.event_time - trade.event_time % (seconds * SECOND)
                series.setdefault((trade.symbol, name), ModelSeries()).add(trade, start)
    return series
