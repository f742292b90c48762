"""Rows of the lake's tables as frames, read on the executors, in parallel, by whatever Spark there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from mdstream.config import LakeSettings
from mdstream.lake import open_table, read_rows
from mdstream.schemas import STORED_TICK, Record
from mdstream.schemas.spark import spark_schema

_DAY = timedelta(days=1)


def archived_rows(
    spark: SparkSession,
    lake: LakeSettings,
    record: Record,
    start: datetime,
    end: datetime,
    where: pc.Expression | None = None,
) -> DataFrame:
    """Return the lake's rows with `start` <= their own time < `end`, as they are now, read a day at a time.

    Args:
        spark: The session.
        lake: Where they are.
        record: What they are.
        start: First instant.
        end: First instant after.
        where: Which of them, e.g. `pc.field("symbol") == "AAPL"`.

    Raises:
        MissingDependencyError: deltalake is not installed.
        SinkError: There is no such table.
        SinkUnavailableError: The lake cannot be reached.
    """
    version = open_table(lake, record).version()
    days = (end - start + _DAY - timedelta(microseconds=1)) // _DAY

    def read(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in numbers:
            for day in batch.column("id").to_pylist():
                first = start + day * _DAY
                yield from read_rows(lake, record, first, min(first + _DAY, end), where, as_of=version)

    return spark.range(0, days, 1, max(1, days)).mapInArrow(read, spark_schema(record))


def archived_ticks(
    spark: SparkSession, lake: LakeSettings, start: datetime, end: datetime, symbols: Sequence[str]
) -> DataFrame:
    """Return the lake's ticks with `start` <= event_time < `end`, see `archived_rows`.

    Args:
        spark: The session.
        lake: Where they are.
        start: First instant.
        end: First instant after.
        symbols: Of which symbols; empty for all.
    """
    wanted = pc.field("symbol").isin(list(symbols)) if symbols else None
    return archived_rows(spark, lake, STORED_TICK, start, end, wanted)
