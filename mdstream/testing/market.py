"""A made-up market: many symbols, any rate, the same trades for the same seed. Needs nothing but numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mdstream.schemas.conditions import CANCEL
from mdstream.testing.instruments import instrument
from mdstream.testing.market_options import MarketOptions
from mdstream.testing.prices import SESSION_SECONDS, Floats, Prices, session_shape

EXCHANGES = ("Q", "N", "P", "Z", "K", "D")
"""Where trades happen."""

_REGULAR, _SWEEP = "@", "F"
_MARKS = ("I", "Z", CANCEL)
CONDITIONS = tuple(
    (_SWEEP if number & 1 else _REGULAR, *(mark for bit, mark in enumerate(_MARKS, 1) if number >> bit & 1))
    for number in range(2 ** (len(_MARKS) + 1))
)
"""Condition codes that trades have together: regular or sweep, odd lot, out of sequence (late), cancelled."""

Integers = npt.NDArray[np.int64]

_BLOCK = 1024
_HISTORY_TICKS = 10  # a minute and symbol, on average
_SESSION_BLOCK_SECONDS = 600.0
_CELLS = 1_000_000
_BLOCK_TRADES, _BLOCK_SIZE = 5e-4, 50
# Of a logarithmic normal distribution with a standard deviation of 1, and blocks among it.
_MEAN_OF_SIZES = np.exp(0.5) * (1 + _BLOCK_TRADES * (_BLOCK_SIZE - 1))
_SWEEPS = 0.3
_BOOK = 3.0  # what is quoted, as a multiple of what is usually traded
_ROUND_LOT = 100
HALF_SPREAD = 3e-5
"""What buyers pay more, and sellers get less, as a share of the price."""

LATENCY_MICROS = 5_000
"""How long a trade takes to us."""

MORE_TRADES, _LARGER_TRADES = 4.0, 1.0  # right behind news, as multiples of the usual
_MEAN_DELAY_SECONDS = 20.0
_LONGEST_DELAY_SECONDS = 600.0


@dataclass(frozen=True)
class Trades:
    """Trades of the made-up market, one a row of each array, in the order of arrival.

    Attributes:
        symbol: Place among the symbols of the market.
        price: In the currency, on a grid of 0.01.
        size: Units traded.
        arrival: When it arrives, in epoch microseconds.
        event: When it happened, in epoch microseconds.
        sequence: Number among the trades of its symbol, from 0 on.
        exchange: Place in `EXCHANGES`.
        conditions: Place in `CONDITIONS`.
        bid: The best bid that the trade met.
        ask: The best ask.
        bid_size: Units bid for.
        ask_size: Units offered.

    Example:
        >>> trades = Market(MarketOptions(symbols=("AAPL", "MSFT")), start_micros=0).block()
        >>> of_aapl = trades.taken(np.flatnonzero(trades.symbol == 0))
        >>> of_aapl.sequence[:3].tolist()
        [0, 1, 2]
    """

    symbol: npt.NDArray[np.intp]
    price: Floats
    size: Floats
    arrival: Integers
    event: Integers
    sequence: Integers
    exchange: Integers
    conditions: Integers
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats

    def __len__(self) -> int:
        return len(self.symbol)

    def taken(self, rows: npt.NDArray[np.intp]) -> Trades:
        """Return these rows, in their order."""
        return Trades(**{name: values[rows] for name, values in vars(self).items()})


class Market:
    """Makes trades, a block at a time.

    Prices move as `mdstream.testing.prices` says and bounce between bid and ask on a grid of 0.01. Sizes are
    log-normal, larger at the beginning and end of a session of six and a half hours, when prices are lively, and
    behind news, when there are more trades too. The first session opens with the first block.

    Args:
        options: What the market is like.
        start_micros: When the first block's trades begin, in epoch microseconds.

    Example:
        >>> market = Market(MarketOptions(symbols=("AAPL",)), start_micros=1_767_623_400_000_000)
        >>> trades = market.block()
        >>> len(trades), 200 < float(trades.price[0]) < 260
        (1024, True)
    """

    def __init__(self, options: MarketOptions, start_micros: int) -> None:
        self._options = options
        self._random = np.random.default_rng(options.seed)
        # Of its own, so that trades are what they were before there were quotes.
        self._random_of_books = np.random.default_rng((options.seed, 1))
        self._start = start_micros
        self._elapsed = 0.0
        instruments = [instrument(symbol, options.seed) for symbol in options.symbols]
        self._usual_size = np.array([each.usual_size for each in instruments])
        self._steps_of_size = 10.0 ** np.array([each.decimals_of_size for each in instruments])
        self._is_coin = np.array([each.is_coin for each in instruments])
        self._weights = shares_of_trades(len(instruments))
        self._sequence = np.zeros(len(instruments), dtype=np.int64)
        self._prices = Prices(instruments, self._random, -60.0 * options.history_minutes)

    def history(self) -> Iterator[Trades]:
        """Make the trades of the history, in blocks; to be used up before `block`, if at all."""
        count = len(self._options.symbols)
        length = min(_SESSION_BLOCK_SECONDS, max(_CELLS / count, 60.0))
        begin = -60.0 * self._options.history_minutes
        while begin < 0:
            end = min(begin + length, 0.0)
            ticks = round((end - begin) / 60 * _HISTORY_TICKS * count)
            seconds = np.sort(self._random.uniform(begin, end, ticks))
            yield self._trades(seconds, stands_for=self._options.rate * (end - begin) / ticks)
            begin = end

    def block(self, longest_seconds: float = 60.0) -> Trades:
        """Make the next trades, about so long at most."""
        count = int(max(min(_BLOCK, self._options.rate * longest_seconds), 1))
        gaps = self._random.exponential(1 / self._options.rate, count)
        if not self._elapsed:
            gaps[0] = 0.0
        seconds = self._elapsed + np.cumsum(gaps)
        self._elapsed = float(seconds[-1])
        return self._trades(seconds)

    def session(self, start_micros: int, end_micros: int) -> Iterator[Trades]:
        """Make the trades of one session behind the last, in blocks; the night in between passes.

        Args:
            start_micros: When it opens, in epoch microseconds.
            end_micros: When it closes.
        """
        if self._elapsed:
            self._elapsed = SESSION_SECONDS * np.ceil(self._elapsed / SESSION_SECONDS)
            self._prices.open_again(self._elapsed)
        self._start = start_micros - int(self._elapsed * 1e6)
        while True:
            trades = self.block(_SESSION_BLOCK_SECONDS)
            if trades.arrival[-1] >= end_micros:
                yield trades.taken(np.flatnonzero(trades.arrival < end_micros))
                return
            yield trades

    def _trades(self, seconds: Floats, stands_for: float = 1.0) -> Trades:
        """Return the trades at these seconds since the start, each as large as so many."""
        random, count, options = self._random, len(seconds), self._options
        self._prices.reach(seconds[0], seconds[-1])
        symbol = self._symbols(seconds)
        level, lively, excited = self._prices.at(seconds, symbol)
        size = self._sizes(seconds, symbol, lively * (1 + _LARGER_TRADES * excited) * stands_for)
        arrival = self._start + (seconds * 1e6).astype(np.int64)
        late = random.random(count) < options.late_share
        delay = np.clip(random.exponential(_MEAN_DELAY_SECONDS, count), 0.001, _LONGEST_DELAY_SECONDS)
        price, bid, ask = self._bounced(np.exp(level))
        bid_size, ask_size = self._sizes_of_books(symbol)
        trades = Trades(
            symbol=symbol,
            price=price,
            size=size,
            arrival=arrival,
            event=arrival - np.where(late, delay * 1e6, 0).astype(np.int64),
            sequence=self._numbered(symbol),
            exchange=random.integers(len(EXCHANGES), size=count),
            conditions=_together(
                random.random(count) < _SWEEPS,
                (size < _ROUND_LOT) & ~self._is_coin[symbol],
                late,
                random.random(count) < options.cancelled_share,
            ),
            bid=bid,
            ask=ask,
            bid_size=bid_size,
            ask_size=ask_size,
        )
        twice = random.random(count) < options.duplicate_share
        return trades.taken(np.repeat(np.arange(count), 1 + twice)) if twice.any() else trades

    def _symbols(self, seconds: Floats) -> npt.NDArray[np.intp]:
        """Choose what is traded at these seconds: a symbol more often behind news of it."""
        excited, row = self._prices.excitement(seconds)
        busier = MORE_TRADES * (excited @ self._weights)[row]
        usual = np.cumsum(self._weights)
        place = self._random.random(len(seconds)) * (usual[-1] + busier)
        symbol: npt.NDArray[np.intp] = np.minimum(np.searchsorted(usual, place), len(usual) - 1)
        behind_news = np.flatnonzero(place >= usual[-1])
        for step in np.unique(row[behind_news]):
            ticks = behind_news[row[behind_news] == step]
            more = np.cumsum(MORE_TRADES * self._weights * excited[step])
            symbol[ticks] = np.minimum(np.searchsorted(more, place[ticks] - usual[-1]), len(more) - 1)
        return symbol

    def _bounced(self, price: Floats) -> tuple[Floats, Floats, Floats]:
        """Return prices of buyers and sellers, half a spread above and below, or between, and bid and ask."""
        cents = 100 * price
        spread = np.maximum(np.round(HALF_SPREAD * cents), 1)
        side = self._random.integers(-1, 2, len(price))
        middle = np.round(cents)
        bid = np.maximum(middle - spread, 1)
        return np.maximum(middle + side * spread, 1) / 100, bid / 100, np.maximum(middle + spread, bid + 1) / 100

    def _sizes_of_books(self, symbol: npt.NDArray[np.intp]) -> Floats:
        """Return how much is bid for and offered: a few times what is usually traded, of one mind for neither side."""
        steps = self._steps_of_size[symbol]
        sizes = self._random_of_books.lognormal(0.0, 0.7, (2, len(symbol))) * _BOOK * self._usual_size[symbol]
        whole: Floats = np.ceil(sizes * steps) / steps
        return whole

    def _numbered(self, symbol: npt.NDArray[np.intp]) -> Integers:
        """Return the numbers of trades of these symbols; count on."""
        order = np.argsort(symbol, kind="stable")
        first = np.searchsorted(symbol[order], np.arange(len(self._sequence)))
        rank = np.empty(len(symbol), dtype=np.int64)
        rank[order] = np.arange(len(symbol)) - first[symbol[order]]
        numbers: Integers = self._sequence[symbol] + rank
        self._sequence += np.bincount(symbol, minlength=len(self._sequence))
        return numbers

    def _sizes(self, seconds: Floats, symbol: npt.NDArray[np.intp], factor: Floats) -> Floats:
        random, count = self._random, len(seconds)
        shape = np.where(self._is_coin[symbol], 1.0, session_shape(seconds))
        sizes = random.lognormal(0.0, 1.0, count) * self._usual_size[symbol] * shape * factor
        sizes *= np.where(random.random(count) < _BLOCK_TRADES, _BLOCK_SIZE, 1)
        steps = self._steps_of_size[symbol]
        whole: Floats = np.ceil(sizes * steps) / steps
        return whole


def shares_of_trades(symbols: int) -> Floats:
    """Return which share of the trades each of so many symbols has.

    Example:
        >>> shares_of_trades(2).round(2).tolist()
        [0.62, 0.38]
    """
    weights = np.arange(1, symbols + 1) ** -0.7
    shares: Floats = weights / weights.sum()
    return shares


def mean_size(usual: Floats, lively: Floats, excited: Floats) -> Floats:
    """Return how large trades are on average; see `Market`.

    Args:
        usual: Their median in a usual hour.
        lively: How lively their symbol is.
        excited: How much news of it there is.
    """
    sizes: Floats = usual * lively * (1 + _LARGER_TRADES * excited) * _MEAN_OF_SIZES
    return sizes


def _together(*marks: npt.NDArray[np.bool_]) -> Integers:
    """Return places in `CONDITIONS` of trades for which these are true or not."""
    return np.asarray(sum(mark.astype(np.int64) << bit for bit, mark in enumerate(marks)))
