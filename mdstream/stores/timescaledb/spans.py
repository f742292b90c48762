"""Ticks and bars of a span of time, in batches: queries are made where they run, so that what asks for them travels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

import pyarrow as pa
import sqlalchemy as sa

from mdstream.config import TimescaleSettings
from mdstream.schemas import BAR, STORED_TICK, Record
from mdstream.stores.timescaledb.connection import engine_of, translated
from mdstream.stores.timescaledb.definitions import table_of

_ROWS_A_BATCH = 10_000

Query: TypeAlias = Callable[[], sa.Select[*tuple[object, ...]] | sa.CompoundSelect[*tuple[object, ...]]]
"""Makes a query where it runs: SQLAlchemy's own objects do not travel."""


def ticks_query(start: datetime, end: datetime, symbols: tuple[str, ...]) -> sa.Select[*tuple[object, ...]]:
    """Select ticks with `start` <= event_time < `end`; of all symbols if none is named."""
    table = table_of(STORED_TICK)
    query = sa.select(table).where(table.c.event_time >= start, table.c.event_time < end)
    return query.where(table.c.symbol.in_(symbols)) if symbols else query


def bars_query(
    symbol: str, window: str, start: datetime, end: datetime, history: int
) -> sa.CompoundSelect[*tuple[object, ...]]:
    """Select bars of a series with `start` <= window_start < `end`, and `history` before and after."""
    table = table_of(BAR)
    time = table.c.window_start
    series = sa.select(table).where(table.c.symbol == symbol, table.c.window == window)
    parts = (
        series.where(time < start).order_by(time.desc()).limit(history),
        series.where(time >= start, time < end),
        series.where(time >= end).order_by(time).limit(history),
    )
    return sa.union_all(*(sa.select(part.subquery()) for part in parts))


def series_with_bars(
    database: TimescaleSettings, windows: Sequence[str], start: datetime, end: datetime, symbols: Sequence[str]
) -> list[tuple[str, str]]:
    """Return symbol and window of the series that have a stored bar with `start` <= window_start < `end`.

    Args:
        database: Where they are stored.
        windows: Names of the windows.
        start: First instant.
        end: First instant after.
        symbols: Of which symbols; empty for all.
    """
    table = table_of(BAR)
    query = (
        sa.select(table.c.symbol, table.c.window)
        .where(table.c.window.in_(windows), table.c.window_start >= start, table.c.window_start < end)
        .distinct()
        .order_by(table.c.symbol, table.c.window)
    )
    if symbols:
        query = query.where(table.c.symbol.in_(symbols))
    with translated(database), engine_of(database).connect() as connection:
        return [(row.symbol, row.window) for row in connection.execute(query)]


def batches_of(database: TimescaleSettings, record: Record, query: Query) -> Iterator[pa.RecordBatch]:
    """Run a query and yield its rows as they come.

    Args:
        database: Where they are stored.
        record: What the rows are.
        query: Selects all columns of the record.
    """
    with translated(database), engine_of(database).connect() as connection:
        streaming = connection.execution_options(yield_per=_ROWS_A_BATCH)  # a cursor of the server
        for rows in streaming.execute(query()).partitions():
            columns = zip(*rows, strict=True)
            arrays = [pa.array(values, field.type) for field, values in zip(record.schema, columns, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=record.schema)
