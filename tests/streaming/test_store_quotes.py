"""The job `store_quotes`: what its topic holds is in the store once, or a dead letter."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs import store_quotes
from mdstream.schemas import DEAD_LETTER, STORED_QUOTE
from tests.streaming.sinks import FolderSink
from tests.streaming.streams import RECORD_SCHEMA, add_file, records_stream
from tests.streaming.test_store_stream import settings_in
from tests.unit.transforms.frames import OPENING
from tests.unit.transforms.records import payload
from tests.waiting import until


def test_quotes_and_dead_letters_part(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quotes, letters, folder = FolderSink(tmp_path / "quotes"), FolderSink(tmp_path / "letters"), tmp_path / "records"
    monkeypatch.setattr(store_quotes, "read_topic", lambda *_: records_stream(spark, folder))
    monkeypatch.setattr(store_quotes, "configured_sinks", lambda _, record: [quotes] if record is STORED_QUOTE else [])
    monkeypatch.setattr(store_quotes, "KafkaSink", lambda _, record: letters if record is DEAD_LETTER else None)
    values = [payload(bid=190.25, ask=190.5), b"x", payload(bid=-1.0), payload(bid=190.25, ask=190.5)]
    record = {"topic": "quote_data", "partition": 0, "timestamp": OPENING}
    rows = [{**record, "value": value, "offset": offset} for offset, value in enumerate(values)]
    add_file(folder, rows, RECORD_SCHEMA)

    [running] = store_quotes.start(spark, settings_in(tmp_path))
    try:
        assert running.query.name == "store_quotes"
        until(lambda: len(letters.rows()) == 2 and len(quotes.rows()) == 2, 120)
    finally:
        running.query.stop()
    assert sorted((row["kafka_offset"], row["bid"], row["ask"]) for row in quotes.rows()) == [
        (0, 190.25, 190.5),
        (3, 190.25, 190.5),
    ]
    assert all(list(row) == STORED_QUOTE.schema.names for row in quotes.rows())
    assert sorted(row["reason"] for row in letters.rows()) == ["bid negative: -1.0", "not JSON"]
    assert {row["source"] for row in letters.rows()} == {"quote_data"}
