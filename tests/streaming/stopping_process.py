"""A process whose only query is within a batch when it is told to stop; see test_run_jobs."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from mdstream.config import Settings, SparkSettings
from mdstream.streaming import RunningQuery, build_session, run_jobs, store_stream
from tests.streaming.sinks import FolderSink
from tests.waiting import until


@dataclass(frozen=True)
class WaitingSink:
    """Says that it was asked to write, and writes when it may."""

    folder: Path
    written: FolderSink

    def write(self, batch: pa.RecordBatch) -> None:
        (self.folder / "writing").touch()
        until((self.folder / "may-write").exists, 240)
        self.written.write(batch)


@dataclass(frozen=True)
class ObservedQuery:
    """A query that lets the sink write as soon as someone looks whether a batch is under way."""

    query: StreamingQuery
    folder: Path

    @property
    def status(self) -> dict[str, Any]:
        (self.folder / "may-write").touch()
        return self.query.status

    def __getattr__(self, name: str) -> object:
        return getattr(self.query, name)


def main(folder: Path) -> None:
    settings = Settings(
        spark=SparkSettings(
            master="local[2]", checkpoint_location=f"{folder}/checkpoints", micro_batch_trigger="0 seconds"
        )
    )

    def start(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
        numbers = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 10).load().coalesce(1)
        running = store_stream(numbers, [WaitingSink(folder, FolderSink(folder / "written"))], settings, "numbers")
        return [RunningQuery(cast("StreamingQuery", ObservedQuery(running.query, folder)))]

    spark = build_session(settings.spark, "stopping", jars=[])
    try:
        run_jobs([start], spark, settings)
    finally:
        spark.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main(Path(sys.argv[1]))
