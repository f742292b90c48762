"""Micro-batches into Arrow sinks, on the executors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from mdstream.config import Settings
from mdstream.stores import MemorySink, Sink
from mdstream.streaming.kafka import CHECKPOINT_OPTION, checkpoint_of
from mdstream.streaming.retries import with_retries
from mdstream.streaming.running_query import RunningQuery
from mdstream.telemetry.logs import ensure_logging

Result = tuple[Callable[[DataFrame], DataFrame | None], Sequence[Sink]]
"""What is made of a micro-batch, None if that is nothing for certain, and where that goes."""


def store_stream(frame: DataFrame, sinks: Sequence[Sink], settings: Settings, name: str) -> RunningQuery:
    """Start a micro-batch query that writes every row of `frame` to all sinks, in order, on the executors.

    A batch whose write failed comes again with the same rows: sinks are idempotent. A store that is away is waited
    for as long as `stores.retry_seconds` allows; then, or if a sink refuses the batch, the query fails and
    its checkpoint stays before the batch.

    Args:
        frame: A stream with the columns that the sinks take.
        sinks: Where the rows go.
        settings: Trigger, how long a write is tried again, and checkpoint location.
        name: Name of the query; its checkpoint is a folder of that name.
    """
    return _start(frame, write_batch(sinks, settings.stores.retry_seconds), settings, name)


def store_results(frame: DataFrame, results: Sequence[Result], settings: Settings, name: str) -> RunningQuery:
    """Start a micro-batch query that writes several results of the same rows, as `store_stream` does.

    The rows of a batch are computed once, and each result is a Spark job of its own, unless it is None. If the write
    of one result fails, all of them come again.

    Args:
        frame: A stream.
        results: What is made of each batch and where it goes, in order.
        settings: Trigger, how long a write is tried again, and checkpoint location.
        name: Name of the query; its checkpoint is a folder of that name.
    """
    writes = [(transform, write_batch(sinks, settings.stores.retry_seconds)) for transform, sinks in results]

    def write_all(batch: DataFrame) -> None:
        batch.persist()
        try:
            for transform, write in writes:
                result = transform(batch)
                if result is not None:
                    write(result)
        finally:
            batch.unpersist()

    return _start(frame, write_all, settings, name)


def _start(frame: DataFrame, write: Callable[[DataFrame], object], settings: Settings, name: str) -> RunningQuery:
    def write_numbered(batch: DataFrame, _: int) -> None:
        write(batch)

    checkpoint = checkpoint_of(settings, name)
    writer = (
        frame.writeStream.queryName(name)
        .outputMode("append")
        .foreachBatch(write_numbered)
        .option(CHECKPOINT_OPTION, checkpoint)
        .trigger(processingTime=settings.spark.micro_batch_trigger)
    )
    return RunningQuery.begin(writer.start, checkpoint)


def write_batch(sinks: Sequence[Sink], retry_seconds: float) -> Callable[[DataFrame], int]:
    """Return a function that writes a batch frame to all sinks and returns the number of its rows.

    It is written partition by partition, where the partitions are, and computed once.
    A `MemorySink` keeps its rows in the driver, where tests and notebooks look for them.
    """
    on_driver = [sink for sink in sinks if isinstance(sink, MemorySink)]
    on_executors = [sink for sink in sinks if not isinstance(sink, MemorySink)]

    def write_partition(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        ensure_logging()
        rows = 0
        for batch in batches:
            for sink in on_executors:
                with_retries(partial(sink.write, batch), retry_seconds)
            rows += batch.num_rows
        yield pa.RecordBatch.from_pydict({"rows": pa.array([rows], pa.int64())})

    def write(frame: DataFrame) -> int:
        rows = 0
        if on_executors:
            # Spark computes a partition only for what is asked of it: the row counts, a few bytes each.
            counts = frame.mapInArrow(write_partition, "rows bigint").toArrow()
            rows = pc.sum(counts["rows"]).as_py() or 0
        for sink in on_driver:
            batches = frame.toArrow().to_batches()
            for batch in batches:
                sink.write(batch)
            rows = sum(batch.num_rows for batch in batches)
        return rows

    return write
