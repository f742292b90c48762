"""Bars from the database for series that a stream meets for the first time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pyarrow as pa

from mdstream.config import Settings, TimescaleSettings
from mdstream.indicators import LATENCY
from mdstream.indicators.history import BAR_TYPE, Bars, History, SeriesKey
from mdstream.schemas import BAR
from mdstream.stores.timescaledb.bars import TIMES, bars_before
from mdstream.streaming.retries import with_retries

_KEY = ("symbol", "window")


@dataclass(frozen=True)
class WarmUp:
    """Reads the bars before the first one that a stream has of a series.

    Attributes:
        database: Where the bars are.
        bars: How many are read of each series.
        retry_seconds: How long a database that is away is waited for.
    """

    database: TimescaleSettings
    bars: int
    retry_seconds: float

    @classmethod
    def of(cls, settings: Settings, retry_seconds: float | None = None) -> WarmUp | None:
        """Return the warm-up that the settings ask for: none if no database is switched on.

        Args:
            settings: The database, how many bars are read, and how long a database that is away is waited for.
            retry_seconds: Another time to wait.
        """
        stores = settings.stores
        if not stores.timescaledb.enabled:
            return None
        seconds = stores.retry_seconds if retry_seconds is None else retry_seconds
        return cls(stores.timescaledb, settings.history_bars, seconds)

    def read(self, firsts: Mapping[SeriesKey, np.datetime64]) -> dict[SeriesKey, History]:
        """Return the last bars before each of `firsts`, for the series that have any.

        Args:
            firsts: Start of the first bar that is known, by series.

        Raises:
            StoreUnavailableError: The database stayed away.
            StoreError: It has no table of bars.
        """
        if not firsts:
            return {}
        rows = with_retries(partial(self._query, firsts), self.retry_seconds)
        bars = _bars_of(rows)
        symbols, windows = rows["symbol"].to_pylist(), rows["window"].to_pylist()
        places: dict[SeriesKey, list[int]] = {}
        for place, series in enumerate(zip(symbols, windows, strict=True)):
            places.setdefault(series, []).append(place)
        return {series: History(bars[own], cut=len(own) >= self.bars) for series, own in places.items()}

    def _query(self, firsts: Mapping[SeriesKey, np.datetime64]) -> pa.Table:
        return bars_before(self.database, {series: _as_datetime(first) for series, first in firsts.items()}, self.bars)


def _as_datetime(time: np.datetime64) -> datetime:
    naive: datetime = time.astype("datetime64[us]").item()
    return naive.replace(tzinfo=UTC)


def _bars_of(rows: pa.Table) -> Bars:
    bars = np.zeros(rows.num_rows, BAR_TYPE)
    bars[LATENCY.name] = np.nan
    for name in BAR.schema.names:
        if name in TIMES:
            bars[name] = rows[name].cast(pa.timestamp("us")).to_numpy()
        elif name not in _KEY:
            bars[name] = rows[name].to_numpy()
    return bars
