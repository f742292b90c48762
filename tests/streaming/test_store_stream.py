"""Micro-batches into sinks: every row arrives, stores come and go, a failed batch comes again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from mdstream.config import Settings, SparkSettings, StoreSettings
from mdstream.errors import SinkError, SinkUnavailableError
from mdstream.schemas import DEAD_LETTER, STORED_TICK
from mdstream.stores import MemorySink, Sink
from mdstream.streaming import AcceptedOrDeadLetter, store_stream
from mdstream.transforms import with_dead_letter, with_reject_reason
from tests.streaming.sinks import AilingSink, FolderSink, Row
from tests.streaming.streams import RECORD_SCHEMA, add_file, records_stream, ticks_stream
from tests.unit.transforms.frames import OPENING, tick
from tests.unit.transforms.records import payload
from tests.waiting import until

_SECONDS = 120


def settings_in(folder: Path, retry_seconds: int = 300) -> Settings:
    return Settings(
        spark=SparkSettings(checkpoint_location=f"{folder}/checkpoints", micro_batch_trigger="0 seconds"),
        stores=StoreSettings(retry_seconds=retry_seconds),
    )


@contextmanager
def storing(frame: DataFrame, sinks: Sequence[Sink], settings: Settings) -> Iterator[StreamingQuery]:
    """Run a query `store` until the end of the block."""
    running = store_stream(frame, sinks, settings, name="store")
    assert not running.real_time
    assert running.query.name == "store"
    try:
        yield running.query
    finally:
        running.query.stop()


def prices(rows: Sequence[Row]) -> list[float]:
    return sorted(row["price"] for row in rows)


def ticks_of(*values: float) -> list[Row]:
    return [tick("A", value, value, kafka_offset=int(value)) for value in values]


def failure_of(query: StreamingQuery) -> str:
    until(lambda: not query.isActive, _SECONDS)
    return str(query.exception())


def committed(folder: Path) -> list[str]:
    """The batches that the query has done with, by its checkpoint."""
    return sorted(file.name for file in (folder / "checkpoints" / "store" / "commits").glob("[0-9]*"))


def test_every_row_reaches_every_sink_once_also_over_a_restart(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "ticks"
    memory, files = MemorySink(f"store-{uuid.uuid4()}"), FolderSink(tmp_path / "written")
    add_file(folder, ticks_of(*range(1, 51)))
    frame, settings = ticks_stream(spark, folder), settings_in(tmp_path)
    with storing(frame, [memory, files], settings) as query:
        until(lambda: memory.rows(STORED_TICK).num_rows == 50, _SECONDS)
        add_file(folder, ticks_of(*range(51, 61)))
        until(lambda: memory.rows(STORED_TICK).num_rows == 60, _SECONDS)
        assert query.isActive
        until(lambda: committed(tmp_path) == ["0", "1"], _SECONDS)
    add_file(folder, ticks_of(100))
    with storing(frame, [memory, files], settings):
        until(lambda: memory.rows(STORED_TICK).num_rows == 61, _SECONDS)
    assert prices(files.rows()) == [*range(1, 61), 100]
    assert sorted(files.rows(), key=lambda row: row["price"]) == sorted(
        memory.rows(STORED_TICK).to_pylist(), key=lambda row: row["price"]
    )


def test_a_store_that_comes_back_in_time_gets_every_row_once(spark: SparkSession, tmp_path: Path) -> None:
    well = FolderSink(tmp_path / "written")
    ailing = AilingSink(tmp_path / "attempts", 4, SinkUnavailableError("the store is away"), well)
    add_file(tmp_path / "ticks", ticks_of(*range(1, 21)))
    with storing(ticks_stream(spark, tmp_path / "ticks"), [ailing], settings_in(tmp_path)) as query:
        until(lambda: committed(tmp_path) == ["0"], _SECONDS)
        assert query.isActive
    assert prices(well.rows()) == list(range(1, 21))
    assert ailing.attempts() == 4 + len(well.writes())


def test_a_store_that_stays_away_fails_the_query_and_loses_nothing(spark: SparkSession, tmp_path: Path) -> None:
    well = FolderSink(tmp_path / "written")
    away = AilingSink(tmp_path / "attempts", 10**6, SinkUnavailableError("the store at nowhere:5432 is away"), well)
    add_file(tmp_path / "ticks", ticks_of(*range(1, 21)))
    frame, settings = ticks_stream(spark, tmp_path / "ticks"), settings_in(tmp_path, retry_seconds=1)
    with storing(frame, [away], settings) as query:
        assert "the store at nowhere:5432 is away" in failure_of(query)
    assert away.attempts() > 2
    assert committed(tmp_path) == []
    with storing(frame, [well], settings):
        until(lambda: committed(tmp_path) == ["0"], _SECONDS)
    assert prices(well.rows()) == list(range(1, 21))


def test_a_refused_batch_is_not_tried_again_and_comes_back_with_the_same_rows(
    spark: SparkSession, tmp_path: Path
) -> None:
    before, after = FolderSink(tmp_path / "before"), FolderSink(tmp_path / "after")
    refusing = AilingSink(tmp_path / "attempts", 1, SinkError("no such table"), after)
    add_file(tmp_path / "ticks", ticks_of(*range(1, 11)))
    frame, settings = ticks_stream(spark, tmp_path / "ticks").coalesce(1), settings_in(tmp_path)
    with storing(frame, [before, refusing], settings) as query:
        assert "no such table" in failure_of(query)
    assert refusing.attempts() == 1
    add_file(tmp_path / "ticks", ticks_of(11, 12))
    with storing(frame, [before, refusing], settings):
        until(lambda: committed(tmp_path) == ["0", "1"], _SECONDS)
    assert [prices(batch) for batch in before.writes()] == [[*range(1, 11)], [*range(1, 11)], [11, 12]]
    assert [prices(batch) for batch in after.writes()] == [[*range(1, 11)], [11, 12]]


def test_ticks_and_dead_letters_part_on_the_executors(spark: SparkSession, tmp_path: Path) -> None:
    values = [payload(), b"x", payload(price=-1), payload(symbol="B", conditions=["@"]), b"\xff", payload(price=2)]
    record = {"topic": "tick_data", "partition": 0, "timestamp": OPENING}
    add_file(
        tmp_path / "records",
        [{**record, "value": value, "offset": offset} for offset, value in enumerate(values)],
        RECORD_SCHEMA,
    )
    add_file(tmp_path / "records", [{**record, "value": payload(), "offset": 6}], RECORD_SCHEMA)
    add_file(tmp_path / "records", [{**record, "value": b"y", "offset": 7}], RECORD_SCHEMA)
    ticks, letters = FolderSink(tmp_path / "accepted"), FolderSink(tmp_path / "refused")
    sink = AcceptedOrDeadLetter(STORED_TICK, (ticks,), letters)
    frame = records_stream(spark, tmp_path / "records").transform(with_reject_reason, 300).transform(with_dead_letter)
    with storing(frame, [sink], settings_in(tmp_path)):
        until(lambda: committed(tmp_path) == ["0", "1", "2"], _SECONDS)
    assert sorted((row["kafka_offset"], row["symbol"], row["price"]) for row in ticks.rows()) == [
        (0, "AAPL", 190.5),
        (3, "B", 190.5),
        (5, "AAPL", 2.0),
        (6, "AAPL", 190.5),
    ]
    assert all(list(row) == STORED_TICK.schema.names for row in ticks.rows())
    assert all(list(row) == DEAD_LETTER.schema.names for row in letters.rows())
    assert sorted((row["reason"], row["payload"], row["received_time"]) for row in letters.rows()) == [
        ("not JSON", "x", OPENING),
        ("not JSON", "y", OPENING),
        ("not UTF-8", "base64:/w==", OPENING),
        ("price not positive: -1.0", payload(price=-1).decode(), OPENING),
    ]
