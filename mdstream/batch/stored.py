"""Rows of the database's tables as frames, read on the executors, in parallel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from mdstream.config import TimescaleSettings
from mdstream.schemas import BAR, STORED_TICK, Record
from mdstream.schemas.spark import spark_schema
from mdstream.stores.timescaledb.spans import Query, bars_query, batches_of, ticks_query

_DAY = timedelta(days=1)
_READERS = 8
"""Most queries that run at a time."""


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
    queries = [partial(ticks_query, first, after, tuple(symbols)) for first, after in borders]
    return _read(spark, database, STORED_TICK, queries)


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
    queries = [partial(bars_query, symbol, window, start, end, history) for symbol, window in series]
    return _read(spark, database, BAR, queries)


def _read(spark: SparkSession, database: TimescaleSettings, record: Record, queries: Sequence[Query]) -> DataFrame:
    def read(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in numbers:
            for number in batch.column("id").to_pylist():
                yield from batches_of(database, record, queries[number])

    tasks = max(1, min(len(queries), _READERS))
    return spark.range(0, len(queries), 1, tasks).mapInArrow(read, spark_schema(record))
