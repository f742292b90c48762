"""Bars from the database for series that a stream meets for the first time."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pyarrow as pa
from pyarrow import csv

from mdstream.config import Settings, TimescaleSettings
from mdstream.indicators import LATENCY
from mdstream.indicators.history import BAR_TYPE, Bars, History, Series
from mdstream.schemas import BAR
from mdstream.stores.timescaledb.connection import driver_connection, engine_of, time_limit, translated
from mdstream.stores.timescaledb.definitions import table_of
from mdstream.streaming.patience import patiently

_KEY = ("symbol", "window")
_TIMES = tuple(field.name for field in BAR.schema if pa.types.is_timestamp(field.type))


@dataclass(frozen=True)
class WarmUp:
    """Reads the bars before the first one that a stream has of a series.

    Attributes:
        database: Where the bars are.
        bars: How many are read of each series.
        patience_seconds: How long a database that is away is waited for.
    """

    database: TimescaleSettings
    bars: int
    patience_seconds: float

    @classmethod
    def of(cls, settings: Settings, patience_seconds: float | None = None) -> WarmUp | None:
        """Return the warm-up that the settings ask for: none if no database is switched on.

        Args:
            settings: The database, how many bars are read, and how long a database that is away is waited for.
            patience_seconds: Another time to wait.
        """
        stores = settings.stores
        if not stores.timescaledb.enabled:
            return None
        patience = stores.patience_seconds if patience_seconds is None else patience_seconds
        return cls(stores.timescaledb, settings.history_bars, patience)

    def read(self, firsts: Mapping[Series, np.datetime64]) -> dict[Series, History]:
        """Return the last bars before each of `firsts`, for the series that have any.

        Args:
            firsts: Start of the first bar that is known, by series.

        Raises:
            SinkUnavailableError: The database stayed away.
            SinkError: It has no table of bars.
        """
        if not firsts:
            return {}
        rows = patiently(partial(self._query, firsts), self.patience_seconds)
        bars = _bars_of(rows)
        symbols, windows = rows["symbol"].to_pylist(), rows["window"].to_pylist()
        places: dict[Series, list[int]] = {}
        for place, series in enumerate(zip(symbols, windows, strict=True)):
            places.setdefault(series, []).append(place)
        return {series: History(bars[own], cut=len(own) >= self.bars) for series, own in places.items()}

    def _query(self, firsts: Mapping[Series, np.datetime64]) -> pa.Table:
        parameters = (
            [symbol for symbol, _ in firsts],
            [window for _, window in firsts],
            [_as_datetime(first) for first in firsts.values()],
            self.bars,
        )
        text = io.BytesIO()
        with (
            translated(self.database),
            engine_of(self.database).connect() as connection,
            time_limit(connection, self.database.timeout_seconds),
            driver_connection(connection).cursor() as cursor,
        ):
            query = cursor.mogrify(_QUERY, parameters).decode()
            # As text, because of 1,500 series with 600 bars each psycopg2 would make ten million objects.
            cursor.copy_expert(f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER)", text)
        types = {name: pa.int64() if name in _TIMES else BAR.schema.field(name).type for name in BAR.schema.names}
        return csv.read_csv(
            pa.BufferReader(text.getvalue()),
            convert_options=csv.ConvertOptions(column_types=types),
        )


def _as_datetime(time: np.datetime64) -> datetime:
    naive: datetime = time.astype("datetime64[us]").item()
    return naive.replace(tzinfo=UTC)


def _bars_of(rows: pa.Table) -> Bars:
    bars = np.zeros(rows.num_rows, BAR_TYPE)
    bars[LATENCY.name] = np.nan
    for name in BAR.schema.names:
        if name in _TIMES:
            bars[name] = rows[name].cast(pa.timestamp("us")).to_numpy()
        elif name not in _KEY:
            bars[name] = rows[name].to_numpy()
    return bars


def _selected(name: str) -> str:
    value = f'(extract(epoch FROM bar."{name}") * 1000000)::bigint' if name in _TIMES else f'bar."{name}"'
    return f'{value} AS "{name}"'


_QUERY = f"""
SELECT {", ".join(map(_selected, BAR.schema.names))}
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS series (symbol, "window", first)
CROSS JOIN LATERAL (
    SELECT * FROM {table_of(BAR).name} AS own
    WHERE own.symbol = series.symbol AND own."window" = series."window" AND own.window_start < series.first
    ORDER BY own.window_start DESC LIMIT %s
) AS bar
ORDER BY 1, 2, 3
"""  # noqa: S608 - names of our own columns
