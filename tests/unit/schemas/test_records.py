from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from mdstream.config import Settings
from mdstream.schemas import (
    ANOMALY,
    BAR,
    DEAD_LETTER,
    KAFKA_METRIC,
    LATENCY_METRIC,
    PREDICTION,
    QUOTE,
    STORED_QUOTE,
    STORED_TICK,
    TICK,
    Record,
)

INDICATOR = Settings().indicator_record
ALL = (
    TICK,
    STORED_TICK,
    QUOTE,
    STORED_QUOTE,
    BAR,
    INDICATOR,
    ANOMALY,
    PREDICTION,
    DEAD_LETTER,
    LATENCY_METRIC,
    KAFKA_METRIC,
)
RECORDS = {record.name: record for record in ALL}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
class TestEveryRecord:
    def test_explains_every_field(self, record: Record) -> None:
        assert all(field.metadata[b"comment"] for field in record.schema)

    def test_has_its_key_among_its_fields_and_never_null(self, record: Record) -> None:
        named = {*record.key, record.time_column, record.revision_column} - {None}

        assert named <= set(record.schema.names)
        assert not any(record.schema.field(name).nullable for name in named)

    def test_has_a_key_if_it_is_stored(self, record: Record) -> None:
        assert bool(record.table or record.measurement) == bool(record.key)
        # Partitions need the time in the primary key.
        assert not record.key or record.time_column in record.key

    def test_keeps_times_in_microseconds_utc(self, record: Record) -> None:
        times = [field.type for field in record.schema if pa.types.is_timestamp(field.type)]

        assert times
        assert set(times) == {pa.timestamp("us", tz="UTC")}

    def test_makes_an_empty_table(self, record: Record) -> None:
        empty = record.empty()

        assert (empty.num_rows, empty.schema) == (0, record.schema)

    def test_travels(self, record: Record) -> None:
        assert pickle.loads(pickle.dumps(record)) == record  # noqa: S301 - our own bytes


def test_names_are_those_that_users_build_on() -> None:
    assert [(record.topic, record.table, record.measurement) for record in ALL] == [
        ("tick_data", None, None),
        (None, "tick_data", "tick_metrics"),
        ("quote_data", None, None),
        (None, "quote_data", None),
        ("aggregated_data", "aggregated_data", "aggregated_metrics"),
        ("technical_indicators", "technical_indicators", "technical_indicators"),
        ("anomalies", "anomalies", "anomalies"),
        ("predictions", "predictions", None),
        ("dead_letter", None, None),
        (None, None, "latency_metrics"),
        (None, None, "kafka_metrics"),
    ]


def test_settings_have_every_topic_and_table_once() -> None:
    settings = Settings()
    assert {record.topic for record in settings.topic_records} == {record.topic for record in ALL} - {None}
    assert {record.table for record in settings.table_records} == {record.table for record in ALL} - {None}
    assert (len(settings.topic_records), len(settings.table_records)) == (7, 6)


def test_natural_keys() -> None:
    assert STORED_TICK.key == ("symbol", "event_time", "kafka_partition", "kafka_offset")
    assert STORED_QUOTE.key == STORED_TICK.key
    assert BAR.key == ("symbol", "window", "window_start")
    assert PREDICTION.key == ("symbol", "horizon_minutes", "target_time")
    assert (STORED_TICK.revision_column, BAR.revision_column) == (None, "trade_count")


@pytest.mark.parametrize(("stored", "record"), [(STORED_TICK, TICK), (STORED_QUOTE, QUOTE)])
def test_what_is_stored_is_what_came_and_its_place_in_kafka(stored: Record, record: Record) -> None:
    assert stored.schema.names == [*record.schema.names, "kafka_partition", "kafka_offset"]
    assert list(stored.schema)[: len(record.schema)] == list(record.schema)
