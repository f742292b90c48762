"""Rows of the lake's tables as frames, read on the executors, in parallel, by whatever Spark there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from mdstream.config import LakeSettings
from mdstream.schemas import STORED_TICK, Record
from mdstream.schemas.spark import spark_schema
from mdstream.stores.lake import open_table, read_rows, stored_days

_DAY = timedelta(days=1)


def archived_rows(
    spark: SparkSession,
    lake: LakeSettings,
    record: Record,
    start: datetime,
    end: datetime,
    where: pc.Expression | None = None,
) -> DataFrame:
    """Return the lake's rows with `start` <= their own time < `end`, as they are now, each stored day read by a task.

    Args:
        spark: The session.
        lake: Where they are.
        record: What they are.
        start: First instant.
        end: First instant after.
        where: Which of them, e.g. `pc.field("symbol") == "AAPL"`.

    Raises:
        MissingDependencyError: deltalake is not installed.
        StoreError: There is no such table.
        StoreUnavailableError: The lake cannot be reached.
    """
    version = open_table(lake, record).version()
    days = (datetime.combine(day, time.min, UTC) for day in stored_days(lake, record))
    midnights = [midnight for midnight in days if start - _DAY < midnight < end]

    def read(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in numbers:
            for number in batch.column("id").to_pylist():
                first, after = midnights[number], midnights[number] + _DAY
                yield from read_rows(lake, record, max(start, first), min(after, end), where, as_of=version)

    tasks = max(1, len(midnights))
    return spark.range(0, len(midnights), 1, tasks).mapInArrow(read, spark_schema(record))


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
