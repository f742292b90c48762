"""Bars of a made-up market from before it opens, as a store would have them: made at once, not from ticks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mdstream.schemas import BAR, BarWindow
from mdstream.schemas.records import TIME
from mdstream.testing.instruments import Instrument, instrument
from mdstream.testing.market import HALF_SPREAD, LATENCY_MICROS, MORE_TRADES, mean_size, shares_of_trades
from mdstream.testing.market_options import MarketOptions
from mdstream.testing.prices import STEP_SECONDS, Floats, Prices, session_shape

_MINUTE_SECONDS = 60
_MINUTE_MICROS = 60_000_000
_STEPS = int(_MINUTE_SECONDS / STEP_SECONDS)
_MINUTES_AT_ONCE = 240
_UNEVENNESS = 0.2
"""Standard deviation of the logarithm of a minute's volume, besides what moves it."""


@dataclass(frozen=True)
class _Minutes:
    """Bars of a minute: a row a minute, the oldest first, and a column a symbol."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    amount: Floats
    trades: Floats

    def joined(self, starts: npt.NDArray[np.intp], after: int) -> _Minutes:
        """Return bars of as many minutes as there are from each place of `starts` to the next; the last to `after`."""
        last = np.append(starts[1:], after) - 1
        added = {name: np.add.reduceat(getattr(self, name)[:after], starts) for name in ("volume", "amount", "trades")}
        high, low = np.maximum.reduceat(self.high[:after], starts), np.minimum.reduceat(self.low[:after], starts)
        return _Minutes(self.open[starts], high, low, self.close[last], **added)


def past_bars(options: MarketOptions, windows: Sequence[BarWindow], end: datetime, minutes: int) -> pa.Table:
    """Return bars of the time before a made-up market opens; its prices go on from theirs.

    Prices move and volume follows as in `Market`, whose rate the volume is that of. There are bars of windows of whole
    minutes, as far as the windows lie in that time as a whole.

    Args:
        options: What the market is like; its seed is that of the past too.
        windows: Of which windows.
        end: When the market opens, a full minute.
        minutes: How many minutes of the past.

    Returns:
        Columns of BAR, sorted by window, symbol and start.

    Example:
        >>> from datetime import UTC
        >>> options, opening = MarketOptions(("AAPL", "MSFT")), datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
        >>> bars = past_bars(options, [BarWindow("5min", 300)], opening, minutes=60)
        >>> bars.num_rows, bars.column("window_end")[-1].as_py() == opening, bars.column("close")[11].as_py()
        (24, True, 230.0)
    """
    made = _minutes(options, minutes)
    first = int(pa.scalar(end, TIME).value) // _MINUTE_MICROS - minutes
    return pa.concat_tables([BAR.empty(), *_of_windows(made, options.symbols, windows, first)])


def _of_windows(made: _Minutes, symbols: Sequence[str], windows: Sequence[BarWindow], first: int) -> Iterator[pa.Table]:
    """Yield the bars of each window; the first of `made` is of the minute `first` since 1970."""
    count = len(made.close)
    for window in windows:
        length, rest = divmod(window.seconds, _MINUTE_SECONDS)
        begin = -first % max(length, 1)
        whole = (count - begin) // max(length, 1)
        if rest or whole < 1:
            continue
        starts = np.arange(whole) * length + begin
        yield _table(made.joined(starts, int(starts[-1]) + length), symbols, window, first + starts)


def _table(bars: _Minutes, symbols: Sequence[str], window: BarWindow, minutes: npt.NDArray[np.intp]) -> pa.Table:
    start = np.tile(minutes * _MINUTE_MICROS, len(symbols))
    end = start + window.seconds * 1_000_000
    # By symbol, as they are stored.
    values = {name: column.T.ravel() for name, column in vars(bars).items()}
    trades = np.maximum(values["trades"], 1).astype(np.int64)
    newest = end - window.seconds * 1_000_000 // (trades + 1)
    columns = {
        "symbol": np.repeat(np.array(symbols, dtype=object), len(minutes)),
        "window": np.full(len(start), window.name, dtype=object),
        "window_start": start,
        "window_end": end,
        **{name: values[name] for name in ("open", "high", "low", "close", "volume")},
        "vwap": values["amount"] / values["volume"],
        "trade_count": trades,
        "last_event_time": newest,
        "last_ingest_time": newest + LATENCY_MICROS,
    }
    arrays = [pa.array(columns[field.name]).cast(field.type) for field in BAR.schema]
    return pa.Table.from_arrays(arrays, schema=BAR.schema)


def _minutes(options: MarketOptions, minutes: int) -> _Minutes:
    """Make the past, and move it so that each symbol is last where it will open."""
    random = np.random.default_rng((options.seed, 1))
    instruments = [instrument(symbol, options.seed) for symbol in options.symbols]
    prices = Prices(instruments, random, -60.0 * minutes)
    parts = [
        _part(options, instruments, prices, random, begin, min(begin + _MINUTES_AT_ONCE, 0))
        for begin in range(-minutes, 0, _MINUTES_AT_ONCE)
    ]
    made = {name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])}
    opening = np.array([each.price for each in instruments])
    factor = opening / made["close"][-1]
    for name in ("open", "high", "low", "close", "amount"):
        made[name] *= factor
    units = 10.0 ** np.array([each.decimals_of_size for each in instruments])
    made["volume"] = np.ceil(made["volume"] * units) / units
    return _Minutes(**_on_the_grid(made, random))


def _part(
    options: MarketOptions,
    instruments: Sequence[Instrument],
    prices: Prices,
    random: np.random.Generator,
    begin: int,
    end: int,
) -> _Minutes:
    """Make the minutes from `begin` to `end`, counted from the opening."""
    steps, symbols = (end - begin) * _STEPS, len(instruments)
    seconds = 60.0 * begin + STEP_SECONDS * np.arange(steps + 1, dtype=np.float64)
    prices.reach(seconds[0], seconds[-1])
    level, lively, excited = prices.at(np.repeat(seconds, symbols), np.tile(np.arange(symbols), steps + 1))
    price = np.exp(level).reshape(steps + 1, symbols)
    lively, excited = (each.reshape(steps + 1, symbols)[:-1] for each in (lively, excited))
    trades = options.rate * STEP_SECONDS * shares_of_trades(symbols) * (1 + MORE_TRADES * excited)
    is_coin = np.array([each.is_coin for each in instruments])
    shape = np.where(is_coin, 1.0, session_shape(seconds[:-1])[:, np.newaxis])
    usual = np.array([each.usual_size for each in instruments])
    volume = trades * mean_size(usual * shape, lively, excited)
    volume *= np.repeat(random.lognormal(0.0, _UNEVENNESS, (end - begin, symbols)), _STEPS, axis=0)
    # The price that a minute ends with is the one that the next begins with.
    of_minutes = [each.reshape(end - begin, _STEPS, symbols) for each in (price[:-1], volume, trades)]
    within, traded, counts = of_minutes
    first, last = price[:-1:_STEPS], price[_STEPS::_STEPS]
    return _Minutes(
        open=first,
        high=np.maximum(within.max(axis=1), last),
        low=np.minimum(within.min(axis=1), last),
        close=last,
        volume=traded.sum(axis=1),
        amount=(within * traded).sum(axis=1),
        trades=random.poisson(counts.sum(axis=1)).astype(np.float64),
    )


def _on_the_grid(made: dict[str, Floats], random: np.random.Generator) -> dict[str, Floats]:
    """Put prices where buyers and sellers are: highs half a spread above, lows below, on a grid of 0.01."""
    spread = np.maximum(np.round(100 * HALF_SPREAD * made["close"]), 1)
    cents = {name: np.round(100 * made[name]) for name in ("open", "high", "low", "close")}
    for name in ("open", "close"):
        cents[name] += random.integers(-1, 2, spread.shape) * spread
    # The market opens at its opening price.
    cents["close"][-1] = np.round(100 * made["close"][-1])
    cents["high"] = np.maximum(np.maximum(cents["high"] + spread, cents["open"]), cents["close"])
    cents["low"] = np.maximum(np.minimum(np.minimum(cents["low"] - spread, cents["open"]), cents["close"]), 1)
    return made | {name: values / 100 for name, values in cents.items()}
