"""Upkeep of Delta tables that deltalake itself writes."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from mdstream.config import LakeSettings
from mdstream.errors import StoreError
from mdstream.schemas import BAR, STORED_TICK
from mdstream.stores.lake import maintain_lake, open_table, table_url
from tests.unit.stores.lake.appending import TODAY, append, stored
from tests.unit.stores.rows import START, tick

_DAY = timedelta(days=1)
_COLUMNS = ["kafka_offset", "event_time", "price"]


def files(lake: LakeSettings) -> set[Path]:
    return set(Path(table_url(lake, STORED_TICK)).rglob("*.parquet"))


def replaced_days_ago(lake: LakeSettings, days: int) -> None:
    """Let all files that were replaced have been so earlier."""
    for commit in Path(table_url(lake, STORED_TICK), "_delta_log").glob("*.json"):
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        for action in actions:
            if "remove" in action:
                action["remove"]["deletionTimestamp"] -= days * 86_400_000
        commit.write_text("\n".join(map(json.dumps, actions)))


def test_tables_are_made_once_with_what_the_record_declares(lake: LakeSettings) -> None:
    assert maintain_lake(lake, TODAY) == []
    for record in (STORED_TICK, BAR):
        table = open_table(lake, record)
        assert table.metadata().partition_columns == ["date"]
        fields = {field["name"]: field for field in json.loads(table.schema().to_json())["fields"]}
        assert list(fields) == ["date", *record.schema.names]
        assert {name for name, field in fields.items() if not field["nullable"]} == {
            "date",
            *(field.name for field in record.schema if not field.nullable),
        }
        assert fields["symbol"]["metadata"]["comment"].startswith("instrument")


def test_only_planned_nothing_is_done(tmp_path: Path) -> None:
    lake = LakeSettings(path=str(tmp_path / "lake"))
    planned = [(step.table, step.action) for step in maintain_lake(lake, TODAY, dry_run=True)]
    assert planned == [("tick_data", "create Delta table"), ("aggregated_data", "create Delta table")]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreError, match="`mdstream maintain` makes it"):
        open_table(lake, BAR)


def test_days_that_are_over_are_compacted_and_every_row_stays(lake: LakeSettings) -> None:
    for offset in range(4):
        append(lake, STORED_TICK, *(tick(offset=offset, event_time=START + day * _DAY) for day in range(3)))
    before = stored(lake, STORED_TICK, _COLUMNS)
    (planned,) = maintain_lake(lake, TODAY, dry_run=True)
    assert (planned.action, planned.detail) == ("compact", "8 files of 2 days, 2024-05-06 to 2024-05-07")
    assert stored(lake, STORED_TICK, _COLUMNS) == before
    assert len(open_table(lake, STORED_TICK).file_uris()) == 12
    assert [step.action for step in maintain_lake(lake, TODAY)] == ["compact"]
    # A file each of the days before today, and today's four.
    assert len(open_table(lake, STORED_TICK).file_uris()) == 6
    assert stored(lake, STORED_TICK, _COLUMNS) == before
    assert len(before) == 12
    assert maintain_lake(lake, TODAY) == []


def test_what_was_replaced_long_enough_ago_is_deleted(lake: LakeSettings) -> None:
    for offset in range(3):
        append(lake, STORED_TICK, tick(offset=offset))
    maintain_lake(lake, TODAY)
    assert len(files(lake)) == 4
    replaced_days_ago(lake, 2)
    assert maintain_lake(lake, TODAY) == []
    assert stored(lake, STORED_TICK, ["kafka_offset"], as_of=2) == [(0,), (1,)]
    replaced_days_ago(lake, 2)
    (step,) = maintain_lake(lake, TODAY)
    assert (step.action, step.detail) == ("vacuum", "3 files that no version of the last 3 days needs")
    assert len(files(lake)) == 1
    assert stored(lake, STORED_TICK, ["kafka_offset"]) == [(0,), (1,), (2,)]


def test_what_a_killed_job_left_behind_is_deleted_when_it_cannot_be_one_that_still_writes(lake: LakeSettings) -> None:
    append(lake, STORED_TICK, tick())
    left = Path(table_url(lake, STORED_TICK), "date=2024-05-06", "part-of-nothing.parquet")
    left.write_bytes(b"half a file")
    assert maintain_lake(lake, TODAY) == []
    long_ago = left.stat().st_mtime - 4 * 86_400
    os.utime(left, (long_ago, long_ago))
    assert [step.action for step in maintain_lake(lake, TODAY)] == ["vacuum"]
    assert not left.exists()
    assert stored(lake, STORED_TICK, ["kafka_offset"]) == [(0,)]


def test_another_history_is_set(lake: LakeSettings) -> None:
    longer = lake.model_copy(update={"history_days": 400})
    assert [(step.table, step.detail) for step in maintain_lake(longer, TODAY)] == [
        ("tick_data", "400 days"),
        ("aggregated_data", "400 days"),
    ]
    assert maintain_lake(longer, TODAY) == []
    assert open_table(longer, BAR).metadata().configuration["delta.logRetentionDuration"] == "interval 400 days"
