"""Keeps one connection to a vendor alive and delivers what comes through it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TypeAlias

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from mdstream.errors import FeedError
from mdstream.feeds.base import FeedBatch, WireBar, WireQuote, WireTick
from mdstream.feeds.redaction import redacted, redacted_reject
from mdstream.feeds.rejects import Reject
from mdstream.feeds.supervision import Backoff, FeedCounts, Overflow, Supervision
from mdstream.feeds.validation import MAX_FUTURE_SKEW, bar_refusal, quote_refusal, refusal
from mdstream.feeds.websocket.gaps import GapFiller, TradeHistory
from mdstream.feeds.websocket.vendor import EvictedError, Parsed, Vendor
from mdstream.schemas.wire import encode

_MOST_FRAME_BYTES = 16 * 1024 * 1024
_CLOSE_SECONDS = 2.0
_STALE_CHECK_SECONDS = 1.0
_Row: TypeAlias = WireTick | WireBar | WireQuote
_REFUSED_FOR_GOOD = frozenset({400, 401, 402, 403, 404, 451})

logger = logging.getLogger(__name__)

# What the library logs holds the URL, and with it perhaps a key.
_SILENT = logging.Logger(__name__, logging.CRITICAL + 1)


class _StaleError(Exception):
    pass


class WebSocketFeed:
    """A feed over a WebSocket; see `mdstream.feeds.Feed`.

    A lost, silent or refused connection is opened again, with all subscriptions, after a wait that grows; only what
    the vendor refuses for good ends the feed. Ticks of the time between are fetched from the vendor's history, if there
    is one, and come later than those after them.

    Args:
        vendor: The vendor's protocol.
        supervision: Times and limits.
        max_future_skew: How far event time may be ahead of ours.
        history: Where what was missed is asked for.
        nonpositive_prices: Whether prices may be zero or less.
    """

    def __init__(
        self,
        vendor: Vendor,
        supervision: Supervision | None = None,
        max_future_skew: timedelta = MAX_FUTURE_SKEW,
        history: TradeHistory | None = None,
        *,
        nonpositive_prices: bool = False,
    ) -> None:
        self.counts = FeedCounts()
        self._vendor = vendor
        self._supervision = supervision or Supervision()
        self._max_future_skew = max_future_skew
        self._refusal = partial(refusal, nonpositive_prices=nonpositive_prices)
        self._quote_refusal = partial(quote_refusal, nonpositive_prices=nonpositive_prices)
        self._backoff = Backoff(self._supervision)
        self._symbols: dict[str, None] = {}
        self._socket: ClientConnection | None = None
        self._ticks: list[WireTick] = []
        self._bars: list[WireBar] = []
        self._quotes: list[WireQuote] = []
        self._rejects: list[Reject] = []
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closing = asyncio.Event()
        self._last_frame_at = 0.0
        self._gaps: GapFiller | None = None
        if history is not None:
            self._gaps = GapFiller(history, self._offer_missed, self.counts, self._supervision.settle)

    @property
    def name(self) -> str:
        """What `source` says in ticks and dead letters."""
        return self._vendor.name

    @property
    def queued(self) -> int:
        """Ticks, bars or quotes that have arrived and were not taken yet."""
        return len(self._ticks) + len(self._bars) + len(self._quotes)

    async def connect(self) -> None:
        """Do nothing yet: the connection is opened, and opened again, while the feed is iterated."""

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Deliver these symbols too, from now on and after each reconnect.

        Raises:
            InvalidInputError: The vendor cannot deliver them.
        """
        wanted = {**self._symbols, **dict.fromkeys(symbols)}
        self._vendor.check(list(wanted))
        new = [symbol for symbol in wanted if symbol not in self._symbols]
        self._symbols = wanted
        if self._socket is not None and new:
            await self._vendor.subscribe(self._socket, new)

    async def unsubscribe(self, symbols: Sequence[str]) -> None:
        """Deliver these symbols no more."""
        gone = [symbol for symbol in symbols if self._symbols.pop(symbol, False) is None]
        if self._socket is not None and gone:
            await self._vendor.unsubscribe(self._socket, gone)

    async def __aiter__(self) -> AsyncIterator[FeedBatch]:
        """Deliver what arrives until the feed is closed or the vendor refuses us for good."""
        keeping = asyncio.create_task(self._keep_connected())
        keeping.add_done_callback(lambda _: self._arrived.set())
        filling = asyncio.create_task(self._gaps.run()) if self._gaps else None
        try:
            while not (keeping.done() or self._closing.is_set()):
                await self._arrived.wait()
                if batch := self._take():
                    yield batch
            if batch := self._take():
                yield batch
            if keeping.done():
                await keeping
        finally:
            keeping.cancel()
            if filling is not None:
                filling.cancel()
                with suppress(asyncio.CancelledError):
                    await filling

    async def close(self) -> None:
        """End the iteration behind what has arrived."""
        self._closing.set()
        self._arrived.set()
        self._room.set()
        if self._socket is not None:
            await self._socket.close()

    def _take(self) -> FeedBatch | None:
        """Return all that has arrived, if anything has."""
        batch = FeedBatch(self._ticks, self._rejects, bars=self._bars, quotes=self._quotes)
        self._ticks, self._bars, self._quotes, self._rejects = [], [], [], []
        self._arrived.clear()
        self._room.set()
        return batch if batch.ticks or batch.bars or batch.quotes or batch.rejects else None

    async def _keep_connected(self) -> None:
        while not self._closing.is_set():
            self._backoff.opened()
            try:
                await self._connect_and_read()
            except FeedError as exc:
                # What a vendor says may hold our key, and so would the chain of errors.
                raise FeedError(self._shown(str(exc))) from None
            except (EvictedError, _StaleError, OSError, WebSocketException, TimeoutError) as exc:
                if self._closing.is_set():
                    return
                await self._pause(self._wait_after(exc))

    def _wait_after(self, failure: Exception) -> float:
        """Say what ended a connection, and return how long to wait before the next.

        Raises:
            FeedError: The vendor refuses us for good.
        """
        wait = self._backoff.next_wait()
        if isinstance(failure, EvictedError):
            self.counts.evictions += 1
            wait = self._supervision.evicted_wait
            reason = f"{failure}; another connection has our place"
        elif isinstance(failure, InvalidStatus):
            response = failure.response
            reason = f"HTTP {response.status_code} {response.reason_phrase}"
            if response.status_code in _REFUSED_FOR_GOOD:
                raise FeedError(
                    self._shown(f"{self.name} refuses the connection: {reason}; check feeds.{self.name} and your plan")
                ) from failure
            asked_for = response.headers.get("Retry-After", "")
            wait = max(wait, float(asked_for) if asked_for.isdecimal() else 0.0)
        else:
            self.counts.stale += isinstance(failure, _StaleError)
            reason = str(failure) or type(failure).__name__
        logger.warning("%s: %s; connecting again in %.1f s", self.name, self._shown(reason), wait)
        return wait

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    async def _connect_and_read(self) -> None:
        times = self._supervision
        async with connect(
            self._vendor.url,
            open_timeout=times.open_within,
            ping_interval=times.ping_every,
            ping_timeout=times.ping_every,
            max_size=_MOST_FRAME_BYTES,
            close_timeout=_CLOSE_SECONDS,
            logger=_SILENT,
        ) as socket:
            async with asyncio.timeout(times.open_within):
                await self._vendor.greet(socket)
            self._socket = socket
            self.counts.connects += 1
            self._last_frame_at = time.monotonic()
            watching = asyncio.create_task(self._abort_when_stale(socket))
            try:
                with suppress(ConnectionClosed):
                    await self._vendor.subscribe(socket, list(self._symbols))
                # A vendor that has closed already may have said why: that is still to be read.
                await self._read(socket)
            except ConnectionClosed as exc:
                if watching.done():
                    raise _StaleError(f"nothing came for {times.stale_after:g} s") from exc
                raise
            finally:
                self._socket = None
                watching.cancel()
                if self._gaps:
                    self._gaps.lost(self._symbols)

    async def _abort_when_stale(self, socket: ClientConnection) -> None:
        # A peer that is gone does not answer the closing of a connection either.
        while (left := self._last_frame_at + self._supervision.stale_after - time.monotonic()) > 0:
            await asyncio.sleep(min(left, _STALE_CHECK_SECONDS))
        socket.transport.abort()

    async def _read(self, socket: ClientConnection) -> None:
        """Read frames until the connection ends."""
        while not self._closing.is_set():
            frame = await socket.recv(decode=False)
            self._last_frame_at = time.monotonic()
            await self._offer(frame, time.time_ns() // 1000)

    async def _offer(self, frame: bytes, received: int) -> None:
        parsed = self._vendor.parse(frame)
        self.counts.frames += 1
        self._reject(*parsed.rejects)
        found = len(parsed.ticks) + len(parsed.bars) + len(parsed.quotes)
        if found and await self._has_room():
            self._backoff.delivered(self._last_frame_at)
            usable = self._queue(parsed.ticks, received, frame)
            self._bars.extend(self._usable(parsed.bars, {"last_ingest_time": received}, bar_refusal, frame))
            self._queue_quotes(parsed.quotes, received, frame)
            if self._gaps:
                self._gaps.received(usable)
        else:
            self.counts.dropped += found
        self.counts.ticks += found
        self._announce()

    async def _offer_missed(self, missed: Parsed) -> None:
        """Queue what a gap held, as long as half of the room is left to what comes live."""
        while len(self._ticks) > self._supervision.queued_ticks // 2 and not self._closing.is_set():
            self._room.clear()
            await self._room.wait()
        self._reject(*missed.rejects)
        for tick in missed.ticks:
            self._queue([tick], time.time_ns() // 1000, encode(tick))
        self._announce()

    def _queue(self, ticks: Sequence[WireTick], received: int, payload: bytes) -> Sequence[WireTick]:
        """Queue the usable ones of `ticks`, and return them."""
        usable = self._usable(ticks, {"ingest_time": received, "source": self.name}, self._refusal, payload)
        self._ticks.extend(usable)
        return usable

    def _queue_quotes(self, quotes: Sequence[WireQuote], received: int, payload: bytes) -> None:
        for quote in quotes:
            quote.setdefault("event_time", received)
        ours = {"ingest_time": received, "source": self.name}
        self._quotes.extend(self._usable(quotes, ours, self._quote_refusal, payload))

    def _usable(
        self, rows: Sequence[_Row], ours: _Row, refuse: Callable[..., str | None], payload: bytes
    ) -> list[_Row]:
        """Return the usable ones of `rows`, each with the fields that are ours; the others are rejected."""
        usable = []
        for row in rows:
            row.update(ours)
            if (reason := refuse(row, max_future_skew=self._max_future_skew)) is None:
                usable.append(row)
            else:
                self._reject(Reject(reason, payload))
        return usable

    def _announce(self) -> None:
        if self.queued or self._rejects:
            self._arrived.set()

    async def _has_room(self) -> bool:
        """Return whether more may be queued, after waiting for room where that is what was asked for."""
        if self.queued < self._supervision.queued_ticks:
            return True
        if self._supervision.overflow is Overflow.DROP:
            return False
        self._room.clear()
        # Time in which we do not read is not the vendor's silence.
        self._last_frame_at = math.inf
        await self._room.wait()
        self._last_frame_at = time.monotonic()
        return True

    def _reject(self, *rejects: Reject) -> None:
        self._rejects.extend(redacted_reject(reject, self._vendor.secrets) for reject in rejects)

    def _shown(self, text: str) -> str:
        return redacted(text, self._vendor.secrets)
