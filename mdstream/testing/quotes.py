"""Made-up quotes, which are those that made-up ticks met."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mdstream.schemas import QUOTE
from mdstream.testing.instruments import KNOWN_SYMBOLS
from mdstream.testing.market import LATENCY_MICROS, Trades
from mdstream.testing.ticks import SOURCE, chosen, trades_of_days

LEAD_MICROS = 1_000
"""How much earlier than its trade a quote comes into force."""


def made_up_quotes(
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
    """Return the best quotes of the market whose ticks `made_up_ticks` returns for the same arguments.

    A millisecond before each tick that was not late its quote comes into force: bid and ask are as far from the middle
    as the market's spread says, a cent at least. A tick is at the bid, at the ask, or in the middle between them, each
    as often, so that it is known who began it. A quote is one of all exchanges, and never crossed.

    Args:
        symbols: What is quoted; all as for `made_up_ticks`.
        start: The first day, in New York.
        days: How many days, holidays and weekends included.
        ticks_a_minute: Of each symbol, on average over all.
        seed: Another one makes another market.
        late_share: Share of ticks that are reported late.
        cancelled_share: Share of ticks that are marked as cancelled.
        halts: How many times a day each symbol pauses for five minutes.

    Returns:
        Columns of QUOTE in the order of arrival. `exchange` is null.

    Raises:
        InvalidInputError: As `made_up_ticks`.

    Example:
        >>> from mdstream.testing import made_up_ticks
        >>> quotes = made_up_quotes(["AAPL"], date(2026, 1, 5), ticks_a_minute=2)
        >>> ticks = made_up_ticks(["AAPL"], date(2026, 1, 5), ticks_a_minute=2)
        >>> quotes.num_rows == ticks.num_rows
        True
        >>> price, bid, ask = (column.to_numpy() for column in (ticks["price"], quotes["bid"], quotes["ask"]))
        >>> bool(((bid <= price) & (price <= ask) & (bid < ask)).all())
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
    return _in_order(_table_of(quoted(trades), names) for trades, names in made)


def quoted(trades: Trades) -> Trades:
    """Return the trades in front of which there is a quote: those that were not late."""
    return trades.taken(np.flatnonzero(trades.event == trades.arrival))


def _in_order(parts: Iterable[pa.Table]) -> pa.Table:
    return pa.concat_tables([QUOTE.empty(), *parts]).sort_by(
        [("ingest_time", "ascending"), ("event_time", "ascending")]
    )


def _table_of(trades: Trades, symbols: Sequence[str]) -> pa.Table:
    time: npt.NDArray[np.int64] = trades.event - LEAD_MICROS
    columns = {
        "symbol": chosen(symbols, pa.string(), trades.symbol),
        "event_time": time,
        "bid": trades.bid,
        "ask": trades.ask,
        "bid_size": trades.bid_size,
        "ask_size": trades.ask_size,
        "exchange": pa.nulls(len(trades), pa.string()),
        "sequence": trades.sequence,
        "ingest_time": time + LATENCY_MICROS,
        "source": pa.array([SOURCE] * len(trades)),
    }
    arrays = [pa.array(columns[field.name]).cast(field.type) for field in QUOTE.schema]
    return pa.Table.from_arrays(arrays, schema=QUOTE.schema)
