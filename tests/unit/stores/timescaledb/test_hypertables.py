"""What upkeep of hypertables decides, without a server."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from mdstream.config import TimescaleSettings
from mdstream.schemas import BAR, STORED_TICK, Record
from mdstream.stores.timescaledb.hypertables import Chunks, plan

CUTOFF = date(2024, 4, 10)
SETTINGS = TimescaleSettings(compress_after_days=7, retention_days=30)
KEPT = Chunks(licensed=True, compressible=True, compress_after_days=7.0, retention_days=30.0)


def planned(found: Chunks, record: Record = STORED_TICK) -> list[tuple[str, str]]:
    return [(step.action, step.detail) for step in plan(record, found, SETTINGS, CUTOFF)]


def statements(found: Chunks, record: Record = STORED_TICK) -> list[Any]:
    return [str(statement) for step in plan(record, found, SETTINGS, CUTOFF) for statement in step.statements]


def test_a_table_that_is_kept_as_configured_is_left_alone() -> None:
    assert planned(KEPT) == []


def test_a_new_table_gets_compression_and_its_jobs() -> None:
    assert [action for action, _ in planned(Chunks(licensed=True))] == [
        "set up compression",
        "schedule compression",
        "schedule retention",
    ]


@pytest.mark.parametrize(
    ("record", "segments", "order"),
    [
        (STORED_TICK, '"symbol"', '"event_time", "kafka_partition", "kafka_offset"'),
        (BAR, '"symbol", "window"', '"window_start"'),
    ],
)
def test_every_column_of_the_key_segments_or_orders(record: Record, segments: str, order: str) -> None:
    statement = statements(Chunks(licensed=True), record)[0]
    assert f"timescaledb.compress_segmentby = '{segments}'" in statement
    assert f"timescaledb.compress_orderby = '{order}'" in statement


def test_a_changed_setting_replaces_the_job() -> None:
    found = Chunks(licensed=True, compressible=True, compress_after_days=7.0, retention_days=365.0)
    assert planned(found) == [("schedule retention", "of rows older than 30 days instead of 365")]
    removal, addition = statements(found)
    assert removal.startswith("SELECT remove_retention_policy")
    assert addition.startswith("SELECT add_retention_policy")


def test_the_apache_edition_gets_what_it_has() -> None:
    assert planned(Chunks(licensed=False)) == []


def test_old_chunks_are_announced_before_a_job_can_drop_them() -> None:
    found = Chunks(licensed=True, expired=2, expired_rows=1_234, expired_from=datetime(2013, 10, 7, tzinfo=UTC))
    assert planned(found)[0] == (
        "drop old chunks",
        "1,234 rows in 2 chunks from 2013-10-07 on, before 2024-04-10, by stores.timescaledb.retention_days = 30",
    )
