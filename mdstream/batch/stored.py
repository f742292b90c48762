"""Rows of the database's tables as frames, read on the executors, in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

import pyarrow as pa
import sqlalchemy as sa
from pyspark.sql import DataFrame, SparkSession

from mdstream.config import TimescaleSettings
from mdstream.schemas import BAR, STORED_TICK, Record
from mdstream.schemas.spark import spark_schema
from mdstream.stores.timescaledb.connection import engine_of, translated
from mdstream.stores.timescaledb.definitions import table_of

_DAY = timedelta(days=1)
_READERS = 8
"""Most queries that run at a time."""
_ROWS_A_BATCH = 10_000

Query = Callable[[], sa.Select[*tuple[object, ...]] | sa.CompoundSelect[*tuple[object, ...]]]
"""Makes a query where it runs: SQLAlchemy's own objects do not travel."""


def stored_ticks(
    spark: SparkSession, database: TimescaleSettings, start: datetime, end: datetime, symbols: Sequence[str]
) -> DataFrame:
    """Return the stored ticks with `start` <= event_time < `end`, read a day at a time.

    Args:
        spark: The session.
        database: Where they are stored.
        start: First instant.
        end: First instant after.
        symbols: Of which symbols; empty for all.
    """
    days = range((end - start + _DAY - timedelta(microseconds=1)) // _DAY)
    borders = [(start + day * _DAY, min(start + (day + 1) * _DAY, end)) for day in days]
    queries = [partial(_ticks, first, after, tuple(symbols)) for first, after in borders]
    return _read(spark, database, STORED_TICK, queries)


def _ticks(start: datetime, end: datetime, symbols: tuple[str, ...]) -> sa.Select[*tuple[object, ...]]:
    table = table_of(STORED_TICK)
    query = sa.select(table).where(table.c.event_time >= start, table.c.event_time < end)
    return query.where(table.c.symbol.in_(symbols)) if symbols else query


def stored_bars(
    spark: SparkSession,
    database: TimescaleSettings,
    series: Sequence[tuple[str, str]],
    start: datetime,
    end: datetime,
    history: int,
) -> DataFrame:
    """Return the stored bars with `start` <= window_start < `end`, and of each series `history` before and after.

    Args:
        spark: The session.
        database: Where they are stored.
        series: Pairs of a symbol and a window's name, each read by a query of its own.
        start: First instant.
        end: First instant after.
        history: How many bars.
    """
    queries = [partial(_bars, symbol, window, start, end, history) for symbol, window in series]
    return _read(spark, database, BAR, queries)


def _bars(
    symbol: str, window: str, start: datetime, end: datetime, history: int
) -> sa.CompoundSelect[*tuple[object, ...]]:
    table = table_of(BAR)
    time = table.c.window_start
    series = sa.select(table).where(table.c.symbol == symbol, table.c.window == window)
    parts = (
        series.where(time < start).order_by(time.desc()).limit(history),
        series.where(time >= start, time < end),
        series.where(time >= end).order_by(time).limit(history),
    )
    return sa.union_all(*(sa.select(part.subquery()) for part in parts))


def stored_series(
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


def _read(spark: SparkSession, database: TimescaleSettings, record: Record, queries: Sequence[Query]) -> DataFrame:
    def read(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in numbers:
            for number in batch.column("id").to_pylist():
                yield from _batches(database, record, queries[number])

    tasks = max(1, min(len(queries), _READERS))
    return spark.range(0, len(queries), 1, tasks).mapInArrow(read, spark_schema(record))


def _batches(database: TimescaleSettings, record: Record, query: Query) -> Iterator[pa.RecordBatch]:
    with translated(database), engine_of(database).connect() as connection:
        streaming = connection.execution_options(yield_per=_ROWS_A_BATCH)  # a cursor of the server
        for rows in streaming.execute(query()).partitions():
            columns = zip(*rows, strict=True)
            arrays = [pa.array(values, field.type) for field, values in zip(record.schema, columns, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=record.schema)
