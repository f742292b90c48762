"""A process whose only query is within a batch when it is told to stop; see test_run_jobs.

With `within` as second argument the next batch has begun to write, and does not end, before the query is stopped.
"""

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
    only_once: bool

    def write(self, batch: pa.RecordBatch) -> None:
        if self.only_once and self.written.writes():
            (self.folder / "writing-again").touch()
            until((self.folder / "never").exists, 240)
        (self.folder / "writing").touch()
        until((self.folder / "may-write").exists, 240)
        self.written.write(batch)


@dataclass(frozen=True)
class ObservedQuery:
    """A query that lets the sink write as soon as someone looks whether a batch is under way."""

    query: StreamingQuery
    folder: Path
    stops_within: bool

    @property
    def status(self) -> dict[str, Any]:
        (self.folder / "may-write").touch()
        return self.query.status

    def stop(self) -> None:
        if self.stops_within:
            until((self.folder / "writing-again").exists, 240)
        self.query.stop()

    def __getattr__(self, name: str) -> object:
        return getattr(self.query, name)


def main(folder: Path, *, within: bool) -> None:
    settings = Settings(
        spark=SparkSettings(
            master="local[2]", checkpoint_location=f"{folder}/checkpoints", micro_batch_trigger="0 seconds"
        )
    )

    def start(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
        numbers = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 10).load().coalesce(1)
        sink = WaitingSink(folder, FolderSink(folder / "written"), only_once=within)
        running = store_stream(numbers, [sink], settings, "numbers")
        return [RunningQuery(cast("StreamingQuery", ObservedQuery(running.query, folder, stops_within=within)))]

    spark = build_session(settings.spark, "stopping", jars=[])
    try:
        run_jobs([start], spark, settings)
    finally:
        spark.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    main(Path(sys.argv[1]), within="within" in sys.argv[2:])
