"""A made-up market: many symbols, any rate, the same ticks for the same seed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mdstream.errors import InvalidInputError
from mdstream.feeds.base import FeedBatch, WireTick
from mdstream.feeds.pacing import Clock, Pacer, SystemClock
from mdstream.feeds.validation import symbol_refusal

NAME = "synthetic"

_BLOCK = 1024
_HISTORY_TICKS = 10  # a minute and symbol, on average
_SESSION_SECONDS = 6.5 * 3600
_VOLATILITY = 2e-4  # of the logarithm of the price, per square root of a second
_PULL = 1 / 3600  # per second, back to where the price started
_JUMPS = 1 / 900  # per second and symbol
_BLOCK_TRADES = 5e-4
_MEAN_DELAY_SECONDS = 20.0
_LONGEST_DELAY_SECONDS = 600.0
_EXCHANGES = np.array(["Q", "N", "P", "Z", "K", "D"])
_REGULAR, _SWEEP, _ODD_LOT, _OUT_OF_SEQUENCE = "@", "F", "I", "Z"


@dataclass(frozen=True)
class MarketOptions:
    """What the made-up market is like.

    Attributes:
        symbols: What is traded; the first ones most.
        rate: Ticks a second over all symbols, on average.
        seed: The same seed gives the same ticks, but for the time at which they begin.
        late_share: Share of ticks that are reported late, 20 seconds on average, 10 minutes at most.
        duplicate_share: Share of ticks that are sent twice.
        history_minutes: So long before the feed starts the market opens. Its ticks until then come at once: few and
            large ones, so that bars have the volume they would have, and charts and indicators begin with a past.

    Raises:
        InvalidInputError: No usable symbols, a rate that is not positive, a share outside 0 to 1, or a history
            shorter than nothing.
    """

    symbols: tuple[str, ...]
    rate: float = 1000.0
    seed: int = 0
    late_share: float = 0.0
    duplicate_share: float = 0.0
    history_minutes: int = 0

    def __post_init__(self) -> None:
        if not self.symbols or len(set(self.symbols)) < len(self.symbols):
            raise InvalidInputError(f"expected different symbols, found: {', '.join(self.symbols) or 'none'}")
        for symbol in self.symbols:
            reason = symbol_refusal(symbol)
            if reason:
                raise InvalidInputError(reason)
        if not 0 < self.rate < float("inf"):
            raise InvalidInputError(f"expected a positive number of ticks a second, found {self.rate}")
        for share in (self.late_share, self.duplicate_share):
            if not 0 <= share <= 1:
                raise InvalidInputError(f"expected a share between 0 and 1, found {share}")
        if self.history_minutes < 0:
            raise InvalidInputError(f"expected minutes of history, 0 or more, found {self.history_minutes}")


def symbol_names(count: int, known: Sequence[str]) -> tuple[str, ...]:
    """Return `count` symbols: the known ones first, then made-up ones.

    Example:
        >>> symbol_names(3, ["AAPL"])
        ('AAPL', 'SYN002', 'SYN003')
    """
    return tuple(known[:count]) + tuple(f"SYN{number:03d}" for number in range(len(known) + 1, count + 1))


class Market:
    """Makes ticks, a block at a time.

    Prices are geometric random walks that jump now and then and are pulled back to their start; they bounce
    between bid and ask on a grid of 0.01. Sizes are log-normal, larger at the beginning and end of a session of
    six and a half hours, the first of which opens with the first block.

    Args:
        options: What the market is like.
        start_micros: When the first block's ticks begin, in epoch microseconds.
    """

    def __init__(self, options: MarketOptions, start_micros: int) -> None:
        self._options = options
        self._random = np.random.default_rng(options.seed)
        self._start = start_micros
        self._elapsed = 0.0
        self._names = np.array(options.symbols, dtype=object)
        ranks = np.arange(1, len(self._names) + 1)
        weights = ranks**-0.7 / (ranks**-0.7).sum()
        self._cumulative = np.cumsum(weights)
        self._seconds_between = 1 / (options.rate * weights)
        opening = [np.log(_opening_price(name, options.seed)) for name in options.symbols]
        self._opening = np.array(opening)
        self._level = self._opening.copy()
        self._sequence = np.zeros(len(self._names), dtype=np.int64)

    def history(self) -> list[WireTick]:
        """Make the ticks of the history; to be called before `block`, if at all."""
        length = 60 * self._options.history_minutes
        count = self._options.history_minutes * _HISTORY_TICKS * len(self._names)
        seconds = np.sort(self._random.uniform(-length, 0, count))
        return self._ticks(seconds, stands_for=self._options.rate * length / count)[1] if count else []

    def block(self) -> tuple[npt.NDArray[np.int64], list[WireTick]]:
        """Make the next ticks.

        Returns:
            When each arrives, in epoch microseconds, ascending, and the ticks, without `ingest_time`.
        """
        gaps = self._random.exponential(1 / self._options.rate, _BLOCK)
        if not self._elapsed:
            gaps[0] = 0.0
        seconds = self._elapsed + np.cumsum(gaps)
        self._elapsed = float(seconds[-1])
        return self._ticks(seconds)

    def _ticks(
        self, seconds: npt.NDArray[np.float64], stands_for: float = 1.0
    ) -> tuple[npt.NDArray[np.int64], list[WireTick]]:
        """Return arrival and ticks at these seconds since the start, each as large as so many."""
        random, count = self._random, len(seconds)
        symbol = np.minimum(np.searchsorted(self._cumulative, random.random(count)), len(self._names) - 1)
        price, sequence = self._walk(symbol, self._seconds_between[symbol] * stands_for)
        size = np.ceil(self._sizes(seconds) * stands_for)
        arrival = self._start + (seconds * 1e6).astype(np.int64)
        late = random.random(count) < self._options.late_share
        delay = np.clip(random.exponential(_MEAN_DELAY_SECONDS, count), 0.001, _LONGEST_DELAY_SECONDS)
        event = arrival - np.where(late, delay * 1e6, 0).astype(np.int64)
        exchange = _EXCHANGES[random.integers(len(_EXCHANGES), size=count)]
        sweep = random.random(count) < 0.3
        twice = random.random(count) < self._options.duplicate_share
        columns = (self._names[symbol], price, size, event, exchange, sequence, sweep, late)
        ticks = [_tick(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
        if not twice.any():
            return arrival, ticks
        rows = np.repeat(np.arange(count), 1 + twice)
        return arrival[rows], [dict(ticks[row]) for row in rows.tolist()]

    def _walk(
        self, symbol: npt.NDArray[np.intp], between: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Return price and sequence number of trades of these symbols, so many seconds after their last; move on."""
        random, count = self._random, len(symbol)
        steps = random.standard_normal(count) * _VOLATILITY * np.sqrt(between)
        steps += (self._opening - self._level)[symbol] * np.minimum(_PULL * between, 1.0)
        jumps = random.random(count) < _JUMPS * between
        steps += np.where(jumps, random.choice((-1.0, 1.0), count) * random.uniform(0.01, 0.08, count), 0.0)
        order = np.argsort(symbol, kind="stable")
        first = np.searchsorted(symbol[order], np.arange(len(self._names)))
        running = np.concatenate(([0.0], np.cumsum(steps[order])))
        level = np.empty(count)
        level[order] = running[1:] - running[first][symbol[order]]
        level += self._level[symbol]
        rank = np.empty(count, dtype=np.int64)
        rank[order] = np.arange(count) - first[symbol[order]]
        sequence = self._sequence[symbol] + rank
        self._sequence += np.bincount(symbol, minlength=len(self._names))
        self._level[symbol] = level  # the last one of a symbol stays
        cents = np.round(np.exp(level) * 100) + random.integers(-1, 2, count)
        return np.maximum(cents, 1) / 100, sequence

    def _sizes(self, seconds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        random, count = self._random, len(seconds)
        shape = 0.5 + 1.5 * (2 * (seconds % _SESSION_SECONDS) / _SESSION_SECONDS - 1) ** 2
        sizes = random.lognormal(4.6, 1.0, count) * shape
        sizes *= np.where(random.random(count) < _BLOCK_TRADES, 50, 1)
        return sizes


def _opening_price(symbol: str, seed: int) -> float:
    """Return a price between 10 and 500 that depends on nothing but the symbol and the seed."""
    part = zlib.crc32(f"{seed}:{symbol}".encode()) / 2**32
    return float(10 * 50**part)


def _tick(
    symbol: str, price: float, size: float, event: int, exchange: str, sequence: int, sweep: bool, late: bool
) -> WireTick:
    conditions = [_SWEEP if sweep else _REGULAR]
    if size < 100:
        conditions.append(_ODD_LOT)
    if late:
        conditions.append(_OUT_OF_SEQUENCE)
    return {
        "symbol": symbol,
        "price": price,
        "size": size,
        "event_time": event,
        "source": NAME,
        "exchange": exchange,
        "sequence": sequence,
        "conditions": conditions,
    }


class SyntheticFeed:
    """The ticks of a made-up market, as they happen.

    Args:
        options: What the market is like.
        limit: End after this many ticks besides the history; None to go on.
        clock: Time; tests bring their own.
    """

    def __init__(self, options: MarketOptions, *, limit: int | None = None, clock: Clock | None = None) -> None:
        self._options = options
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
        market = Market(self._options, self._clock.micros())
        pacer = Pacer(1.0, self._clock, self._closed)
        made = 0
        history = market.history()
        for start in range(0, len(history), _BLOCK):
            await asyncio.sleep(0)  # others have their turn
            if self._closed.is_set():
                return
            yield FeedBatch(self._arrive(history[start : start + _BLOCK]), ())
        while self._limit is None or made < self._limit:
            arrival, ticks = market.block()
            if self._limit is not None:
                arrival, ticks = arrival[: self._limit - made], ticks[: self._limit - made]
            async for start, end in pacer.release(arrival):
                fraction = None if self._limit is None else (made + end) / self._limit
                yield FeedBatch(self._arrive(ticks[start:end]), (), fraction)
            if self._closed.is_set():
                return
            made += len(ticks)

    async def close(self) -> None:
        """End the iteration."""
        self._closed.set()

    def _arrive(self, ticks: list[WireTick]) -> list[WireTick]:
        now = self._clock.micros()
        for tick in ticks:
            tick["ingest_time"] = now
        return [tick for tick in ticks if tick["symbol"] in self._wanted] if self._wanted else ticks
