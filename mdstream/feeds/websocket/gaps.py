"""Trades that went by while a feed had no connection, fetched afterwards."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from mdstream.errors import FeedError
from mdstream.feeds.base import WireTick
from mdstream.feeds.sources import EVERYTHING
from mdstream.feeds.supervision import FeedCounts
from mdstream.feeds.validation import shown_time
from mdstream.feeds.websocket.vendor import Parsed

Order: TypeAlias = tuple[int, int]
"""Event time in epoch microseconds and sequence: what orders the trades of a symbol."""

Identity: TypeAlias = tuple[object, object, object]
"""Sequence, exchange and id: with the symbol and the time they tell trades apart."""

logger = logging.getLogger(__name__)


class TradeHistory(Protocol):
    """Where a vendor's past trades can be asked for."""

    def trades(self, symbol: str, first: int, last: int) -> AsyncIterator[Parsed]:
        """Return a symbol's trades with event times from `first` to `last`, both included, in parts, oldest first.

        Args:
            symbol: The symbol.
            first: Epoch microseconds.
            last: Epoch microseconds.

        Raises:
            FeedError: They cannot be had now.
        """
        ...

    def is_closed_to_us(self, failure: FeedError) -> bool:
        """Return whether a failure means that no past trades can be had at all."""
        ...

    async def close(self) -> None:
        """Let go of the vendor's server."""
        ...


@dataclass
class _Gap:
    """What a symbol has missed: trades between the last one before and the first one after.

    Attributes:
        symbol: The symbol.
        after: The last trade before.
        before: The first trade after.
        found_at: When the gap was found, monotonic.
        arrived: Trades that came later than the first one after though they happened earlier.
    """

    symbol: str
    after: Order
    before: Order
    found_at: float
    arrived: set[Identity] = field(default_factory=set)

    def holds(self, tick: WireTick) -> bool:
        """Return whether a trade was missed."""
        return self.after < _order(tick) < self.before and _identity(tick) not in self.arrived


class GapFiller:
    """Fetches what each symbol missed, once its first trade after a reconnect says where the gap ends.

    Symbols without a trade before are taken to have been quiet up to the newest trade of any. Gaps wait in a queue and
    are fetched one at a time, so that live ticks are not held up.

    Args:
        history: Where past trades are asked for.
        deliver: Takes ticks and rejects, once there is room for them.
        counts: The feed's.
        settle_seconds: How long a vendor may need until a live trade is in its history too.
    """

    def __init__(
        self,
        history: TradeHistory,
        deliver: Callable[[Parsed], Awaitable[None]],
        counts: FeedCounts,
        settle_seconds: float,
    ) -> None:
        self._history = history
        self._deliver = deliver
        self._counts = counts
        self._settle_seconds = settle_seconds
        self._newest: dict[str, Order] = {}
        self._newest_before: dict[str, Order] = {}
        self._quiet_until: Order | None = None
        self._subscribed: frozenset[str] = frozenset()
        self._open: dict[str, list[_Gap]] = {}
        self._waiting: asyncio.Queue[_Gap] = asyncio.Queue()
        self._is_on = True

    def lost(self, subscribed: Iterable[str]) -> None:
        """Take note that a connection with these subscriptions was lost."""
        # A symbol that was not seen since the loss before this one has its gap still.
        self._newest_before |= self._newest
        self._newest = {}
        self._quiet_until = max(self._newest_before.values(), default=None)
        self._subscribed = frozenset(subscribed)

    def received(self, ticks: Iterable[WireTick]) -> None:
        """Take note of ticks that came live."""
        if not self._is_on:
            return
        newest = self._newest
        for tick in ticks:
            symbol, order = tick["symbol"], _order(tick)
            if symbol not in newest:
                self._begin(symbol, order)
                newest[symbol] = order
            elif order > newest[symbol]:
                newest[symbol] = order
            if self._open:
                for gap in self._open.get(symbol, ()):
                    if order < gap.before:
                        gap.arrived.add(_identity(tick))

    async def run(self) -> None:
        """Fetch gaps as they are found, until it is cancelled or the vendor is found to give none."""
        try:
            while self._is_on:
                gap = await self._waiting.get()
                await asyncio.sleep(max(0.0, gap.found_at + self._settle_seconds - time.monotonic()))
                try:
                    await self._fill(gap)
                except FeedError as exc:
                    self._leave(gap, exc)
                self._open[gap.symbol].remove(gap)
                if not self._open[gap.symbol]:
                    del self._open[gap.symbol]
        finally:
            if self._open and self._is_on:
                logger.warning("gaps after a reconnect were not filled before the end: %s", ", ".join(self._open))
            await self._history.close()

    def _begin(self, symbol: str, before: Order) -> None:
        """Open the gap that ends with a symbol's first trade, if there was a connection before."""
        after = self._newest_before.pop(symbol, self._quiet_until if self._was_subscribed(symbol) else None)
        if after is None or after >= before:
            return
        gap = _Gap(symbol, after, before, time.monotonic())
        self._open.setdefault(symbol, []).append(gap)
        self._waiting.put_nowait(gap)

    def _was_subscribed(self, symbol: str) -> bool:
        return not self._subscribed or EVERYTHING in self._subscribed or symbol in self._subscribed

    async def _fill(self, gap: _Gap) -> None:
        missed = 0
        async for part in self._history.trades(gap.symbol, gap.after[0], gap.before[0]):
            ticks = [tick for tick in part.ticks if not _is_ordered(tick) or gap.holds(tick)]
            missed += len(ticks)
            await self._deliver(Parsed(ticks, part.rejects))
        self._counts.gaps_filled += 1
        self._counts.gap_ticks += missed
        logger.info("%s: %d trades that were missed after %s", gap.symbol, missed, shown_time(gap.after[0]))

    def _leave(self, gap: _Gap, failure: FeedError) -> None:
        self._counts.gaps_left += 1
        if self._history.is_closed_to_us(failure):
            self._is_on = False
            self._counts.gaps_left += self._waiting.qsize()
            logger.warning("what is missed during a reconnect stays missing: %s", failure)
            return
        borders = shown_time(gap.after[0]), shown_time(gap.before[0])
        logger.warning("%s: trades between %s and %s are missing: %s", gap.symbol, *borders, failure)


def _order(tick: WireTick) -> Order:
    return tick["event_time"], tick["sequence"] or 0


def _is_ordered(tick: WireTick) -> bool:
    """Return whether a tick that was not judged yet has a time and a sequence to judge it by."""
    return isinstance(tick["event_time"], int) and isinstance(tick["sequence"], int | None)


def _identity(tick: WireTick) -> Identity:
    return tick["sequence"], tick["exchange"], tick["trade_id"]
