"""The ticks of a made-up market as they happen, and its quotes if they are asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from mdstream.errors import InvalidInputError
from mdstream.feeds.base import FeedBatch, WireQuote, WireTick
from mdstream.feeds.pacing import Clock, Pacer, SystemClock
from mdstream.schemas.wire import to_micros
from mdstream.testing.instruments import KNOWN_SYMBOLS
from mdstream.testing.market import CONDITIONS, EXCHANGES, Market, Trades
from mdstream.testing.market_options import MarketOptions
from mdstream.testing.quotes import LEAD_MICROS

NAME = "synthetic"

_BLOCK = 1024
_MINUTE_MICROS = 60_000_000
_EXCHANGES = np.array(EXCHANGES, dtype=object)
_CONDITIONS = np.empty(len(CONDITIONS), dtype=object)
_CONDITIONS[:] = CONDITIONS


def symbol_names(count: int, known: Sequence[str]) -> tuple[str, ...]:
    """Return `count` symbols: the configured ones first, then well-known ones, then made-up ones.

    Example:
        >>> symbol_names(3, ["BRK.B"])
        ('BRK.B', 'AAPL', 'MSFT')
    """
    names = [*known, *(symbol for symbol in KNOWN_SYMBOLS if symbol not in known)]
    return (*names[:count], *(f"SYN{number:03d}" for number in range(len(names) + 1, count + 1)))


def symbols_traded(asked: Sequence[str], configured: Sequence[str]) -> tuple[str, ...]:
    """Return what is traded on a made-up market: what is asked for, or as many as a lone number says.

    Args:
        asked: Symbols, or a number alone; empty for the configured ones.
        configured: The configured symbols.

    Example:
        >>> symbols_traded(["2"], ["SPY"]), symbols_traded([], ["SPY"])
        (('SPY', 'AAPL'), ('SPY',))
    """
    if len(asked) == 1 and asked[0].isdecimal():
        return symbol_names(int(asked[0]), configured)
    return tuple(asked or configured)


def wire_ticks(trades: Trades, symbols: npt.NDArray[np.object_]) -> list[WireTick]:
    """Return trades of the made-up market as the feed sends them, without `ingest_time`.

    Args:
        trades: What was traded.
        symbols: The symbols of the market.
    """
    columns = (
        symbols[trades.symbol],
        trades.price,
        trades.size,
        trades.event,
        _EXCHANGES[trades.exchange],
        trades.sequence,
        _CONDITIONS[trades.conditions],
    )
    return [_tick(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def wire_quotes(trades: Trades, symbols: npt.NDArray[np.object_]) -> list[WireQuote | None]:
    """Return the quote in front of each trade as the feed sends it, without `ingest_time`; None before a late trade.

    Args:
        trades: What was traded.
        symbols: The symbols of the market.
    """
    columns = (
        symbols[trades.symbol],
        trades.event - LEAD_MICROS,
        trades.bid,
        trades.ask,
        trades.bid_size,
        trades.ask_size,
        trades.sequence,
    )
    names = ("symbol", "event_time", "bid", "ask", "bid_size", "ask_size", "sequence")
    quotes = [
        {**dict(zip(names, row, strict=True)), "source": NAME}
        for row in zip(*(column.tolist() for column in columns), strict=True)
    ]
    is_late = (trades.event < trades.arrival).tolist()
    return [None if late else quote for quote, late in zip(quotes, is_late, strict=True)]


def _tick(
    symbol: str, price: float, size: float, event: int, exchange: str, sequence: int, conditions: tuple[str, ...]
) -> WireTick:
    return {
        "symbol": symbol,
        "price": price,
        "size": size,
        "event_time": event,
        "source": NAME,
        "exchange": exchange,
        "sequence": sequence,
        "conditions": list(conditions),
    }


class SyntheticFeed:
    """The ticks of a made-up market, as they happen.

    Args:
        options: What the market is like.
        limit: End after this many ticks besides the history; None to go on.
        clock: Time; tests bring their own.
        since: When its history begins; without it, as long ago as the options say.
        quotes: Whether it brings the best quotes, too: one in front of each tick that is not late.
    """

    def __init__(
        self,
        options: MarketOptions,
        *,
        limit: int | None = None,
        clock: Clock | None = None,
        since: datetime | None = None,
        quotes: bool = False,
    ) -> None:
        self._options = options
        self._since = since
        self._has_quotes = quotes
        self._limit = limit
        self._clock = clock or SystemClock()
        self._closed = asyncio.Event()
        self._wanted: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What `source` says."""
        return NAME

    async def connect(self) -> None:
        """Nothing is opened: the market is made here."""

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Deliver only these symbols from now on; all of the market if empty.

        Raises:
            InvalidInputError: One is not traded here.
        """
        unknown = [symbol for symbol in symbols if symbol not in self._options.symbols]
        if unknown:
            raise InvalidInputError(
                f"not traded on this made-up market: {', '.join(unknown)}; traded: {', '.join(self._options.symbols)}"
            )
        self._wanted = frozenset(symbols) if set(symbols) < set(self._options.symbols) else frozenset()

    async def __aiter__(self) -> AsyncIterator[FeedBatch]:
        """Deliver the ticks as they become due."""
        now = self._clock.micros()
        options = self._options
        if self._since is not None:
            options = replace(options, history_minutes=(now - to_micros(self._since)) / _MINUTE_MICROS)
        market = Market(options, now)
        symbols = np.array(self._options.symbols, dtype=object)
        pacer = Pacer(1.0, self._clock, self._closed)
        made = 0
        for trades in market.history():
            past, books = wire_ticks(trades, symbols), self._quotes(trades, symbols)
            for start in range(0, len(past), _BLOCK):
                await asyncio.sleep(0)  # others have their turn
                if self._closed.is_set():
                    return
                yield self._batch(past, books, start, start + _BLOCK)
        while self._limit is None or made < self._limit:
            trades = market.block()
            books = self._quotes(trades, symbols)
            ticks = wire_ticks(trades, symbols)[: None if self._limit is None else self._limit - made]
            async for start, end in pacer.release(trades.arrival[: len(ticks)]):
                fraction = None if self._limit is None else (made + end) / self._limit
                yield self._batch(ticks, books, start, end, fraction)
            if self._closed.is_set():
                return
            made += len(ticks)

    async def close(self) -> None:
        """End the iteration."""
        self._closed.set()

    def _quotes(self, trades: Trades, symbols: npt.NDArray[np.object_]) -> list[WireQuote | None]:
        return wire_quotes(trades, symbols) if self._has_quotes else []

    def _batch(
        self,
        ticks: list[WireTick],
        quotes: list[WireQuote | None],
        start: int,
        end: int,
        fraction: float | None = None,
    ) -> FeedBatch:
        """Return what arrives now of a block."""
        books = [quote for quote in quotes[start:end] if quote is not None]
        return FeedBatch(self._arrive(ticks[start:end]), (), fraction, quotes=self._arrive(books))

    def _arrive(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        now = self._clock.micros()
        for row in rows:
            row["ingest_time"] = now
        return [row for row in rows if row["symbol"] in self._wanted] if self._wanted else rows
