"""Recorded quotes, replayed at the speed they came or another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np

from mdstream.errors import InvalidInputError
from mdstream.feeds.base import FeedBatch, WireQuote
from mdstream.feeds.pacing import Clock, Pacer, SystemClock
from mdstream.feeds.parts import CSV, JSON_LINES, FilePart, parts_of
from mdstream.feeds.quote_rows import QuoteBlock, quote_of_fields, read_quote_rows
from mdstream.feeds.rejects import Reject
from mdstream.feeds.replay import NAME
from mdstream.feeds.validation import MAX_FUTURE_SKEW, quote_refusal

_KINDS = (*JSON_LINES, *CSV)


class QuoteReplayFeed:
    """Quotes of a file or a folder, in the file's order.

    Args:
        path: A `.jsonl` or `.csv` file, also with `.gz`, `.zst` or in a `.zip`, or a folder of such files.
        speed: 1 is as it happened, 10 ten times faster, infinite without any wait.
        symbol: Whose quotes they are, where no field says so.
        max_future_skew: How far event time may be ahead of ingest time.
        clock: Time; tests bring their own.
        nonpositive_prices: Whether prices may be below zero.
    """

    def __init__(
        self,
        path: Path,
        *,
        speed: float = 1.0,
        symbol: str | None = None,
        max_future_skew: timedelta = MAX_FUTURE_SKEW,
        clock: Clock | None = None,
        nonpositive_prices: bool = False,
    ) -> None:
        self._path = path
        self._speed = speed
        self._symbol = symbol
        self._skew = max_future_skew
        self._clock = clock or SystemClock()
        self._nonpositive_prices = nonpositive_prices
        self._closed = asyncio.Event()
        self._symbols: frozenset[str] = frozenset()
        self._parts: list[FilePart] = []

    @property
    def name(self) -> str:
        """What `source` says where the file does not."""
        return NAME

    async def connect(self) -> None:
        """Look for the files.

        Raises:
            InvalidInputError: There is none, or one is of no kind that has quotes.
        """
        self._parts = parts_of(self._path)
        if (other := next((part for part in self._parts if not part.is_of(_KINDS)), None)) is not None:
            raise InvalidInputError(f"{other} is no file of quotes; expected one of {', '.join(_KINDS)}")

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Deliver only these symbols from now on; all if empty."""
        self._symbols = frozenset(symbols)

    async def __aiter__(self) -> AsyncIterator[FeedBatch]:
        """Deliver the quotes as they become due."""
        pacer = Pacer(self._speed, self._clock, self._closed)
        for block, fraction in self._blocks():
            quotes, rejects = self._read(block)
            times = np.array([quote["event_time"] for quote in quotes], np.int64)
            if rejects or not quotes:
                yield FeedBatch((), rejects, fraction)
            async for start, end in pacer.release(times):
                yield FeedBatch((), (), fraction, quotes=self._arrive(quotes[start:end]))
            if self._closed.is_set():
                return

    async def close(self) -> None:
        """End the replay."""
        self._closed.set()

    def _blocks(self) -> Iterator[tuple[QuoteBlock, float]]:
        total, read = max(sum(part.size for part in self._parts), 1), 0
        for part in self._parts:
            for block in read_quote_rows(part, self._symbol):
                yield block, (read + block.fraction * part.size) / total
            read += part.size

    def _read(self, block: QuoteBlock) -> tuple[list[WireQuote], list[Reject]]:
        """Return the usable quotes of some lines that are wanted, and what is none."""
        quotes: list[WireQuote] = []
        rejects: list[Reject] = []
        now = self._clock.micros()
        for number, line, fields in block.rows:
            if isinstance(fields, str):
                rejects.append(Reject(fields, line, number))
                continue
            quote = quote_of_fields(fields, self._symbol) | {"ingest_time": now}
            reason = quote_refusal(quote, max_future_skew=self._skew, nonpositive_prices=self._nonpositive_prices)
            if reason is not None:
                rejects.append(Reject(reason, line, number))
            elif not self._symbols or quote["symbol"] in self._symbols:
                quotes.append(quote)
        return quotes, rejects

    def _arrive(self, quotes: list[WireQuote]) -> list[WireQuote]:
        now = self._clock.micros()
        for quote in quotes:
            quote["ingest_time"] = now
            quote["source"] = quote["source"] or NAME
        return quotes
