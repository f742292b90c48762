"""Past trades of Massive as a feed, one symbol after the other."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from mdstream.errors import InvalidInputError
from mdstream.feeds.base import FeedBatch, WireTick
from mdstream.feeds.massive.progress import BackfillProgress, Place
from mdstream.feeds.massive.rest import MassiveRest, Page, trades_path
from mdstream.feeds.rejects import Reject
from mdstream.feeds.validation import MAX_FUTURE_SKEW, refusal
from mdstream.feeds.websocket.massive_trades import parse_records
from mdstream.schemas.wire import encode, to_micros

_ROWS_AT_ONCE = 5_000
_NANOS_A_MICRO = 1_000

_Result = TypeVar("_Result")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Span:
    """A time of which data are wanted.

    Attributes:
        start: First instant, aware.
        end: First instant after, aware.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start >= self.end:
            raise InvalidInputError(f"nothing lies from {self.start} to {self.end}; expected a later end")
        if self.end > (now := datetime.now(UTC)):
            raise InvalidInputError(
                f"{self.end:%Y-%m-%dT%H:%M:%S} has not come yet, it is {now:%Y-%m-%dT%H:%M:%S} UTC: what is still to "
                "come would be missing"
            )


class TradeBackfill:
    """Trades of a past time; see `mdstream.feeds.Feed`.

    How far it has come is kept after every few thousand ticks, once they are delivered. Closed and started again it
    goes on behind the last of them, without a repetition. Killed, it may repeat what was delivered and not yet kept:
    at most `_ROWS_AT_ONCE` (5,000) ticks of one symbol.

    Args:
        rest: The API.
        span: From when to when.
        progress: How far it has come.
        delivered: Waits until everything that this feed gave is where it belongs.
        select: Returns those of a symbol's ticks that are to be delivered.
        max_future_skew: How far event time may be ahead of ours.
        nonpositive_prices: Whether prices may be zero or less.
    """

    def __init__(
        self,
        rest: MassiveRest,
        span: Span,
        progress: BackfillProgress,
        delivered: Callable[[], Awaitable[None]],
        select: Callable[[Sequence[WireTick]], Sequence[WireTick]] = list,
        max_future_skew: timedelta = MAX_FUTURE_SKEW,
        *,
        nonpositive_prices: bool = False,
    ) -> None:
        self._rest = rest
        self._span = span
        self._progress = progress
        self._delivered = delivered
        self._select = select
        self._max_future_skew = max_future_skew
        self._nonpositive_prices = nonpositive_prices
        self._symbols: tuple[str, ...] = ()
        self._closing = asyncio.Event()

    @property
    def name(self) -> str:
        """What `source` says: the same as of the live feed, because they are the same trades."""
        return "massive"

    async def connect(self) -> None:
        """Do nothing: each page is a call of its own."""

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Deliver these symbols."""
        self._symbols = tuple(dict.fromkeys((*self._symbols, *symbols)))

    async def __aiter__(self) -> AsyncIterator[FeedBatch]:
        """Deliver the trades, until there are no more or the feed is closed.

        Raises:
            InvalidInputError: Massive knows no such symbol.
            AccessError: The plan does not include these trades.
            FeedError: The API cannot be used.
        """
        async with self._rest:
            for number, symbol in enumerate(self._symbols):
                async for batch in self._trades(symbol, number):
                    yield batch
                if self._closing.is_set():
                    return

    async def close(self) -> None:
        """End the iteration."""
        self._closing.set()

    async def _trades(self, symbol: str, number: int) -> AsyncIterator[FeedBatch]:
        """Deliver what is left of a symbol's trades."""
        place = self._progress.place_of(symbol) or Place(trades_path(symbol, *self._nanos()))
        while place.page is not None:
            page = await self._unless_closed(self._rest.page(place.page))
            if page is None:
                return
            while place.row < len(page.rows):
                yield self._batch(symbol, number, page, place.row)
                await self._delivered()
                count = min(_ROWS_AT_ONCE, len(page.rows) - place.row)
                place = Place(place.page, place.row + count, place.delivered + count)
                self._progress.keep(symbol, place)
                if self._closing.is_set():
                    return
            place = Place(page.following, 0, place.delivered)
            if not (place.delivered or place.page or await self._is_known(symbol)):
                return
            self._progress.keep(symbol, place)

    async def _is_known(self, symbol: str) -> bool:
        """Return whether a symbol without trades exists; false also if the feed was closed."""
        known = await self._unless_closed(self._rest.knows(symbol, self._span.start.date()))
        if known is False:
            raise InvalidInputError(f"massive knows no symbol {symbol} on {self._span.start:%Y-%m-%d}")
        if known:
            logger.warning("massive has no trades of %s from %s to %s", symbol, self._span.start, self._span.end)
        return bool(known)

    def _batch(self, symbol: str, number: int, page: Page, first: int) -> FeedBatch:
        received = time.time_ns() // _NANOS_A_MICRO
        parsed = parse_records(symbol, page.rows[first : first + _ROWS_AT_ONCE])
        usable: list[WireTick] = []
        rejects = list(parsed.rejects)
        for tick in parsed.ticks:
            tick |= {"ingest_time": received, "source": self.name}
            reason = refusal(tick, max_future_skew=self._max_future_skew, nonpositive_prices=self._nonpositive_prices)
            if reason is None:
                usable.append(tick)
            else:
                rejects.append(Reject(reason, encode(tick)))
        return FeedBatch(self._select(usable), rejects, self._fraction(usable, number))

    def _fraction(self, ticks: Sequence[WireTick], number: int) -> float:
        """Return the share of the work that is done, by time and symbols."""
        start, end = to_micros(self._span.start), to_micros(self._span.end)
        of_symbol = (ticks[-1]["event_time"] - start) / (end - start) if ticks else 0.0
        return (number + min(max(of_symbol, 0.0), 1.0)) / len(self._symbols)

    def _nanos(self) -> tuple[int, int]:
        return to_micros(self._span.start) * _NANOS_A_MICRO, to_micros(self._span.end) * _NANOS_A_MICRO

    async def _unless_closed(self, work: Coroutine[None, None, _Result]) -> _Result | None:
        """Return what `work` gives; None if the feed is closed before."""
        working = asyncio.ensure_future(work)
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait([working, closing], return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            working.cancel()
            closing.cancel()
