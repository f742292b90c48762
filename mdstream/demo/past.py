"""The days before a made-up market's first tick: bars and their indicators, made and not replayed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mdstream.config import Settings
from mdstream.feeds.synthetic import symbols_traded
from mdstream.indicators import Indicator, indicator_record, indicator_values
from mdstream.indicators.catalogue import BAR_SERIES
from mdstream.schemas import BAR
from mdstream.schemas.text_lists import read_symbols
from mdstream.stores import TimescaleSink
from mdstream.testing.market_options import MarketOptions
from mdstream.testing.past import past_bars

_DAYS = 3  # enough for an average of 200 bars of 15 minutes
_MOST_BARS = 25_000
"""Of a minute, over all symbols: of many symbols there is less, so that nobody waits for it."""

_LEAST_MINUTES = 60
_TICKS_MINUTES = 240


@dataclass(frozen=True)
class Past:
    """What a database would have of the market by now.

    Attributes:
        bars: Columns of BAR.
        indicators: Columns of the configured indicators' record.
    """

    bars: pa.Table
    indicators: pa.Table


def opening_of(now: datetime) -> datetime:
    """Return when the market of a demo opened whose ticks come: hours ago, so that rules have something to find.

    At a full hour, so that the windows that a tick is in have all their ticks.

    Example:
        >>> from datetime import UTC
        >>> opening_of(datetime(2026, 1, 5, 14, 30, 10, tzinfo=UTC)).isoformat()
        '2026-01-05T10:00:00+00:00'
    """
    return (now - timedelta(minutes=_TICKS_MINUTES)).replace(minute=0, second=0, microsecond=0)


def make_past(settings: Settings, symbols: str | None, rate: float, opening: datetime) -> Past:
    """Make the bars of the days before a market opens, and their indicators.

    Args:
        settings: The configured symbols, windows and indicators.
        symbols: What is traded, or how many symbols; None for the configured ones.
        rate: Ticks a second over all symbols, from which the volume follows.
        opening: When the market opens.
    """
    names = symbols_traded(read_symbols(symbols or ""), settings.symbols)
    minutes = min(_DAYS * 24 * 60, _MOST_BARS // len(names))
    bars = BAR.empty()
    if minutes >= _LEAST_MINUTES:
        bars = past_bars(MarketOptions(names, rate), settings.windows, opening, minutes)
    return Past(bars, indicators_of(bars, settings.indicators))


def indicators_of(bars: pa.Table, indicators: tuple[Indicator, ...]) -> pa.Table:
    """Return the indicators of bars.

    Args:
        bars: Columns of BAR; the bars of a series lie behind each other, in time order.
        indicators: What is computed.

    Returns:
        Columns of the indicators' record, a row a bar.
    """
    record = indicator_record(indicators)
    parts = [_of_series(series, indicators) for series in _series_of(bars)]
    columns: dict[str, Any] = {
        column: np.concatenate([part[column] for part in parts]) if parts else []
        for indicator in indicators
        for column in indicator.columns
    }
    arrays = [
        pa.array(columns[field.name], field.type, from_pandas=True) if field.name in columns else bars[field.name]
        for field in record.schema
    ]
    return pa.Table.from_arrays(arrays, schema=record.schema)


def store_past(settings: Settings, past: Past) -> None:
    """Write the past into its tables, which have to be there.

    Raises:
        SinkError: The database refuses it, or cannot be reached.
    """
    database = settings.stores.timescaledb
    work = ((BAR, past.bars), (settings.indicator_record, past.indicators))
    with ThreadPoolExecutor() as pool:
        writing = [
            pool.submit(TimescaleSink(database, record).write, batch)
            for record, rows in work
            for batch in rows.combine_chunks().to_batches()
        ]
        for each in writing:
            each.result()


def _of_series(bars: pa.Table, indicators: tuple[Indicator, ...]) -> dict[str, NDArray[np.float64]]:
    return indicator_values(indicators, {name: bars[name].to_numpy() for name in BAR_SERIES})


def _series_of(bars: pa.Table) -> Iterator[pa.Table]:
    """Yield the bars of each series."""
    starts = bars["window_start"].cast(pa.int64()).to_numpy()
    begins = np.append(0, np.flatnonzero(np.diff(starts) < 0) + 1)
    for begin, end in zip(begins, np.append(begins[1:], len(starts)), strict=True):
        if end > begin:
            yield bars.slice(begin, end - begin)
