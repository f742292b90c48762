"""Made-up ticks of whole sessions, as a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mdstream.errors import InvalidInputError
from mdstream.schemas import TICK
from mdstream.schemas.records import TIME
from mdstream.testing.instruments import KNOWN_SYMBOLS, instrument
from mdstream.testing.market import CONDITIONS, EXCHANGES, LATENCY_MICROS, Integers, Market, Trades
from mdstream.testing.market_options import MarketOptions

SOURCE = "made up"
"""What `source` says in made-up ticks."""

_EXCHANGE_ZONE = ZoneInfo("America/New_York")
_OPEN, _CLOSE = time(9, 30), time(16)
_SATURDAY = 5
_DAY_MICROS = 86_400_000_000
_HALT_MICROS = 300_000_000


@dataclass(frozen=True)
class _Session:
    """When a market is open, in epoch microseconds."""

    start: int
    end: int


def made_up_ticks(
    symbols: Sequence[str] = KNOWN_SYMBOLS[:5],
    start: date = date(2026, 1, 5),
    days: int = 1,
    *,
    ticks_a_minute: float = 20.0,
    seed: int = 0,
    late_share: float = 0.0,
    cancelled_share: float = 0.0,
    halts: int = 0,
) -> pa.Table:
    """Return ticks of a market that does not exist and might: the same ones for the same arguments.

    Shares trade from Monday to Friday from 9:30 to 16:00 in New York and open elsewhere than they closed the day
    before; coins trade all day. `KNOWN_SYMBOLS` start at prices that they have had, others at made-up ones. Shares
    move by 0.5 to 3 % a day, coins by more, together in part; most at open and close and behind news, and volume
    follows.

    Args:
        symbols: What is traded; the first ones most. Coins are those that end with USDT, USDC or -USD.
        start: The first day, in New York.
        days: How many days, holidays and weekends included.
        ticks_a_minute: Of each symbol, on average over all.
        seed: Another one makes another market.
        late_share: Share of ticks that are reported late, 20 seconds on average, 10 minutes at most.
        cancelled_share: Share of ticks that are marked as cancelled: they are in no bar.
        halts: How many times a day each symbol pauses for five minutes.

    Returns:
        Columns of TICK in the order of arrival. `trade_id` is null.

    Raises:
        InvalidInputError: No usable symbols, no days, a rate that is not positive, or a share outside 0 to 1.

    Example:
        >>> ticks = made_up_ticks(["AAPL", "BTCUSDT"], date(2026, 1, 5), ticks_a_minute=2)
        >>> ticks.column("event_time")[0].as_py().isoformat(timespec="minutes")
        '2026-01-05T05:00+00:00'
        >>> prices = ticks.filter(pa.compute.equal(ticks["symbol"], "AAPL"))["price"].to_numpy()
        >>> bool((prices > 200).all() and (prices < 260).all())
        True
    """
    made = trades_of_days(
        symbols,
        start,
        days,
        ticks_a_minute=ticks_a_minute,
        seed=seed,
        late_share=late_share,
        cancelled_share=cancelled_share,
        halts=halts,
    )
    return _in_order(_table_of(trades, names) for trades, names in made)


def trades_of_days(
    symbols: Sequence[str],
    start: date,
    days: int,
    *,
    ticks_a_minute: float,
    seed: int,
    late_share: float,
    cancelled_share: float,
    halts: int,
) -> Iterator[tuple[Trades, tuple[str, ...]]]:
    """Yield trades of whole days, and the symbols that they are of; see `made_up_ticks`."""
    if days < 1 or halts < 0:
        raise InvalidInputError(f"expected at least one day and no less than no halts, found {days} and {halts}")
    options = MarketOptions(
        tuple(symbols), ticks_a_minute / 60, seed, late_share=late_share, cancelled_share=cancelled_share
    )
    coins = tuple(symbol for symbol in symbols if instrument(symbol, seed).is_coin)
    shares = tuple(symbol for symbol in symbols if symbol not in coins)
    markets = ((shares, _sessions_of_shares(start, days), seed), (coins, _whole_days(start, days), seed + 1))
    for names, sessions, own_seed in markets:
        if names and sessions:
            own = replace(options, symbols=names, rate=options.rate * len(names), seed=own_seed)
            yield from ((trades, names) for trades in _traded(own, sessions, halts))


def ticks_of_market(options: MarketOptions, start: datetime, hours: float) -> pa.Table:
    """Return ticks of a market that never closes, as the synthetic feed sends them.

    Args:
        options: What the market is like.
        start: When it opens.
        hours: How long it goes on.

    Returns:
        Columns of TICK in the order of arrival.

    Example:
        >>> from datetime import UTC
        >>> options = MarketOptions(symbols=("AAPL", "MSFT"), rate=2.0)
        >>> ticks_of_market(options, datetime(2026, 1, 5, 14, 30, tzinfo=UTC), hours=0.5).num_rows > 3_000
        True
    """
    begin = _epoch_micros(start)
    market = Market(options, begin)
    blocks = [*market.history(), *market.session(begin, begin + int(hours * 3_600_000_000))]
    return _in_order(_table_of(trades, options.symbols) for trades in blocks)


def _in_order(parts: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables([TICK.empty(), *parts]).sort_by([("ingest_time", "ascending"), ("event_time", "ascending")])


def _sessions_of_shares(start: date, days: int) -> list[_Session]:
    every = (start + timedelta(days=number) for number in range(days))
    return [_Session(_micros(day, _OPEN), _micros(day, _CLOSE)) for day in every if day.weekday() < _SATURDAY]


def _whole_days(start: date, days: int) -> list[_Session]:
    return [_Session(_micros(start, time()), _micros(start + timedelta(days=days), time()))]


def _micros(day: date, clock: time) -> int:
    return _epoch_micros(datetime.combine(day, clock, _EXCHANGE_ZONE))


def _epoch_micros(time: datetime) -> int:
    # What is in `schemas.wire` for this comes with a package for JSON, which the library does without.
    return int(pa.scalar(time, TIME).value)


def _traded(options: MarketOptions, sessions: Iterable[_Session], halts: int) -> Iterator[Trades]:
    """Make the trades of sessions, a market going on from one to the next."""
    market = Market(options, 0)
    chance = np.random.default_rng(options.seed)
    for session in sessions:
        whole_days = max(round((session.end - session.start) / _DAY_MICROS), 1)
        pauses = chance.integers(session.start, session.end, (len(options.symbols), halts * whole_days))
        for trades in market.session(session.start, session.end):
            yield trades.taken(np.flatnonzero(~_is_halted(trades, pauses)))


def _is_halted(trades: Trades, pauses: Integers) -> npt.NDArray[np.bool_]:
    """Return which trades fall into a pause of their symbol; `pauses` has a row a symbol."""
    since = trades.event[:, np.newaxis] - pauses[trades.symbol]
    return np.asarray(((since >= 0) & (since < _HALT_MICROS)).any(axis=1))


def _table_of(trades: Trades, symbols: Sequence[str]) -> pa.Table:
    columns = {
        "symbol": chosen(symbols, pa.string(), trades.symbol),
        "price": trades.price,
        "size": trades.size,
        "event_time": trades.event,
        "ingest_time": trades.arrival + LATENCY_MICROS,
        "source": pa.array([SOURCE] * len(trades)),
        "exchange": chosen(EXCHANGES, pa.string(), trades.exchange),
        "trade_id": pa.nulls(len(trades), pa.string()),
        "sequence": trades.sequence,
        "conditions": chosen(CONDITIONS, pa.list_(pa.string()), trades.conditions),
    }
    arrays = [pa.array(columns[field.name]).cast(field.type) for field in TICK.schema]
    return pa.Table.from_arrays(arrays, schema=TICK.schema)


def chosen(values: Sequence[object], kind: pa.DataType, places: Integers | npt.NDArray[np.intp]) -> pa.Array:
    """Return the values at these places."""
    return pa.array(values, kind).take(pa.array(places))
