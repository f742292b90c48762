"""Streams into Delta tables within one session, read by Spark and by deltalake."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession

from mdstream.config import Settings
from mdstream.errors import SinkUnavailableError
from mdstream.schemas import BAR, STORED_TICK, Record
from mdstream.schemas.spark import spark_schema
from mdstream.stores.lake import maintain_lake, open_table, table_url
from mdstream.streaming import RunningQuery, archive_revisions, archive_rows
from mdstream.streaming.archive import merge_revisions, with_date
from tests.streaming.streams import Row, add_file
from tests.unit.stores.lake.appending import TODAY, append, stored
from tests.unit.stores.rows import START, bar, tick
from tests.waiting import until

_COORDINATE = ["kafka_partition", "kafka_offset"]
_REVISION = ["symbol", "window_start", "trade_count", "close"]
Archive = Callable[[Record], None]


@pytest.fixture
def archive(spark: SparkSession, settings: Settings, tmp_path: Path) -> Archive:
    """Works off what is in the folder of a record, from where it was left."""

    def work_off(record: Record) -> None:
        source = spark.readStream.schema(spark_schema(record)).option("maxFilesPerTrigger", 1)
        start: Callable[[DataFrame, Settings, Record, str], RunningQuery]
        start = archive_rows if record == STORED_TICK else archive_revisions
        running = start(source.parquet(str(tmp_path / record.name)), settings, record, record.name)
        running.query.processAllAvailable()
        running.query.stop()

    return work_off


def newest(*rows: Row) -> list[tuple[object, ...]]:
    return sorted(tuple(row[name] for name in _REVISION) for row in rows)


def test_a_batch_that_was_written_but_not_noted_is_not_written_again(
    archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    lake, long_ago = settings.stores.lake, START - timedelta(days=400)
    add_file(tmp_path / STORED_TICK.name, [tick(offset=0), tick(offset=1, partition=1), tick(event_time=long_ago)])
    add_file(tmp_path / STORED_TICK.name, [tick(offset=2), tick("MSFT", offset=3)])
    archive(STORED_TICK)
    once = stored(lake, STORED_TICK, ["date", *_COORDINATE])
    assert once == sorted(
        (time.date(), partition, offset)
        for time, partition, offset in ((long_ago, 0, 0), (START, 0, 0), (START, 1, 1), (START, 0, 2), (START, 0, 3))
    )
    # As after a kill between Delta's commit and Spark's.
    for note in (tmp_path / "checkpoints" / STORED_TICK.name / "commits").glob("*1*"):
        note.unlink()
    add_file(tmp_path / STORED_TICK.name, [tick(offset=4)])
    archive(STORED_TICK)
    again = sorted([*once, (START.date(), 0, 4)])
    assert stored(lake, STORED_TICK, ["date", *_COORDINATE]) == again
    # A checkpoint that is lost would bring all of them a second time.
    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.raises(StreamingQueryException, match="has what comes now already"):
        archive(STORED_TICK)
    assert stored(lake, STORED_TICK, ["date", *_COORDINATE]) == again


def test_the_newest_revision_stays_whatever_comes_when(
    spark: SparkSession, archive: Archive, settings: Settings, tmp_path: Path
) -> None:
    lake, folder = settings.stores.lake, tmp_path / BAR.name
    next_day = bar(minute=1_440, trade_count=1)
    add_file(folder, [bar(trade_count=count, close=float(count)) for count in (3, 5, 4)] + [next_day], BAR.schema)
    add_file(folder, [], BAR.schema)
    archive(BAR)
    assert stored(lake, BAR, _REVISION) == newest(bar(trade_count=5, close=5.0), next_day)
    before, between = open_table(lake, BAR).version(), datetime.now(UTC) + timedelta(milliseconds=2)
    until(lambda: datetime.now(UTC) > between)
    late, other = bar(minute=-1_440 * 300, trade_count=2), bar("MSFT", trade_count=9)
    add_file(folder, [bar(trade_count=4, close=4.0), late, other], BAR.schema)
    add_file(folder, [bar(trade_count=7, close=7.0)], BAR.schema)
    archive(BAR)
    now = newest(bar(trade_count=7, close=7.0), next_day, late, other)
    assert stored(lake, BAR, _REVISION) == now
    # Time travel, by deltalake and by Spark.
    for as_of in (before, between):
        assert stored(lake, BAR, _REVISION, as_of) == newest(bar(trade_count=5, close=5.0), next_day)
    for option, value in (("versionAsOf", before), ("timestampAsOf", between.replace(tzinfo=None).isoformat(" "))):
        was = spark.read.format("delta").option(option, value).load(table_url(lake, BAR))
        assert sorted(map(tuple, was.select("trade_count", "close").collect())) == [(1, 10.0), (5, 5.0)]


def test_upkeep_in_between_makes_the_write_come_again(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    lake = settings.stores.lake
    for minute in range(3):
        append(lake, BAR, bar(minute=minute))
    asked = tmp_path / "asked"
    asked.mkdir()

    def compacting(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        (asked / str(len(list(asked.iterdir())))).touch()
        # First the days are asked for; then Delta has begun.
        if len(list(asked.iterdir())) == 2:
            maintain_lake(lake, TODAY)
        yield from batches

    rows = spark.createDataFrame([bar(trade_count=2)], spark_schema(BAR)).transform(with_date, BAR).coalesce(1)
    disturbed = rows.mapInArrow(compacting, rows.schema)
    with pytest.raises(SinkUnavailableError, match="another writer"):
        merge_revisions(disturbed, table_url(lake, BAR), BAR)
    merge_revisions(disturbed, table_url(lake, BAR), BAR)
    assert stored(lake, BAR, ["trade_count"]) == [(1,), (1,), (2,)]
    assert [commit["operation"] for commit in open_table(lake, BAR).history(2)] == ["MERGE", "OPTIMIZE"]
