"""Streams of files, worked off batch by batch."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from mdstream.schemas import BAR, STORED_TICK
from mdstream.schemas.spark import spark_schema

Row = dict[str, Any]

_DEADLINE_SECONDS = 120
_ORDER = itertools.count()
RECORD_SCHEMA = pa.schema(
    {
        "value": pa.binary(),
        "topic": pa.string(),
        "partition": pa.int32(),
        "offset": pa.int64(),
        "timestamp": pa.timestamp("us", "UTC"),
    }
)
"""What Spark's Kafka source gives."""


def add_file(folder: Path, rows: Iterable[Row], schema: pa.Schema = STORED_TICK.schema) -> None:
    """Put rows into a folder as one micro-batch, behind all that were put there before."""
    folder.mkdir(exist_ok=True)
    number = next(_ORDER)
    partial = folder / f".{number}"
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), partial)
    # The source reads files by the time of their last change, which may be equal for two.
    changed = time.time() - 10_000 + number
    os.utime(partial, (changed, changed))
    partial.rename(folder / f"{number}.parquet")


def ticks_stream(spark: SparkSession, folder: Path, lateness: str = "1 day") -> DataFrame:
    """Stream the ticks of a folder, one file a micro-batch, in two partitions."""
    source = spark.readStream.schema(spark_schema(STORED_TICK)).option("maxFilesPerTrigger", 1)
    return source.parquet(str(folder)).repartition(2).withWatermark("event_time", lateness)


def records_stream(spark: SparkSession, folder: Path) -> DataFrame:
    """Stream Kafka records out of a folder, one file a micro-batch."""
    schema = "value binary, topic string, partition int, offset bigint, timestamp timestamp"
    return spark.readStream.schema(schema).option("maxFilesPerTrigger", 1).parquet(str(folder)).repartition(2)


@dataclass
class Revisions:
    """What a query of bars sent, batch by batch."""

    batches: list[list[Row]] = field(default_factory=list)

    def take(self, frame: DataFrame, _batch: int) -> None:
        self.batches.append(frame.toArrow().to_pylist())

    def newest(self) -> dict[tuple[object, ...], Row]:
        """The last revision of each bar, by its key."""
        return by_key(row for batch in self.batches for row in batch)


def by_key(bars: Iterable[Row]) -> dict[tuple[object, ...], Row]:
    return {tuple(row[name] for name in BAR.key): row for row in bars}


def work_off(bars: DataFrame, checkpoint: Path, mode: str = "update") -> tuple[Revisions, StreamingQuery]:
    """Run a query, from where its checkpoint is, until all there is has been worked off."""
    revisions = Revisions()
    query = (
        bars.writeStream.outputMode(mode)
        .foreachBatch(revisions.take)
        .option("checkpointLocation", str(checkpoint))
        .trigger(availableNow=True)
        .start()
    )
    try:
        assert query.awaitTermination(_DEADLINE_SECONDS), "the query is still running"
    finally:
        query.stop()
    return revisions, query


def dropped_as_late(query: StreamingQuery) -> int:
    """How many rows of its aggregation the query dropped behind the watermark."""
    return sum(
        operator["numRowsDroppedByWatermark"]
        for progress in query.recentProgress
        for operator in progress["stateOperators"]
    )
