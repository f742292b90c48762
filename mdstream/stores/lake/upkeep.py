"""Upkeep of the lake's tables: made, compacted day by day, and rid of files that nothing refers to any more."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from mdstream.config import LakeSettings
from mdstream.schemas import Record
from mdstream.stores.lake.tables import (
    DATE,
    LAKE_RECORDS,
    delta_table_class,
    open_table,
    table_schema,
    table_url,
    translated,
)

if TYPE_CHECKING:
    from deltalake import DeltaTable

logger = logging.getLogger(__name__)

_FILE_BYTES = 100 * 1024 * 1024
"""Files are put together until they are about so large."""


@dataclass(frozen=True)
class LakeStep:
    """One change to a table, made by upkeep or only planned.

    Attributes:
        table: The table it concerns.
        action: What is done, e.g. `compact`.
        detail: With what: days, numbers of files.
        run: Does it.
    """

    table: str
    action: str
    detail: str
    run: Callable[[], object] = field(repr=False)


def maintain_lake(lake: LakeSettings, today: date, *, dry_run: bool = False) -> list[LakeStep]:
    """Make missing tables, compact days that are over, and delete files that were replaced long enough ago.

    Nothing of this changes a row, and it may run while the job archive does: today is left to it. Only another
    `history_days` may end the job, which then goes on where it was when it is started again.

    Args:
        lake: Where the tables are, and how far back time travel shall go.
        today: The day, UTC.
        dry_run: Only return what would be done.

    Returns:
        What was done, or would be; empty if there was nothing to do.

    Raises:
        MissingDependencyError: deltalake is not installed.
        StoreError: A table refuses it, e.g. because a write got in between; the next upkeep makes up for it.
        StoreUnavailableError: The lake cannot be reached.
    """
    done = []
    for record in LAKE_RECORDS:
        for plan in (_plan_table, _plan_history, _plan_compaction, _plan_vacuum):
            with translated(lake, record):
                step = plan(lake, record, today)
                if step is not None and not dry_run:
                    logger.info("%s: %s: %s", step.table, step.action, step.detail)
                    step.run()
            done += [step] if step is not None else []
            if step is not None and dry_run and plan is _plan_table:
                break  # of a table that is not there nothing else can be said
    return done


def _plan_table(lake: LakeSettings, record: Record, _: date) -> LakeStep | None:
    delta_table, where = delta_table_class(), table_url(lake, record)
    if delta_table.is_deltatable(where):
        return None

    def create() -> None:
        delta_table.create(
            where,
            table_schema(record),
            mode="ignore",
            partition_by=[DATE.name],
            name=record.table,
            configuration=_history(lake),
        )

    return LakeStep(str(record.table), "create Delta table", f"{where}, partitioned by {DATE.name}", create)


def _plan_history(lake: LakeSettings, record: Record, _: date) -> LakeStep | None:
    table = open_table(lake, record)
    wanted = _history(lake)
    if wanted.items() <= table.metadata().configuration.items():
        return None
    return LakeStep(
        str(record.table),
        "set history",
        f"{lake.history_days} days",
        lambda: table.alter.set_table_properties(wanted),
    )


def _history(lake: LakeSettings) -> dict[str, str]:
    kept = f"interval {lake.history_days} days"
    return {"delta.deletedFileRetentionDuration": kept, "delta.logRetentionDuration": kept}


def _plan_compaction(lake: LakeSettings, record: Record, today: date) -> LakeStep | None:
    table = open_table(lake, record)
    days = _scattered_days(table, today)
    if not days:
        return None
    files = sum(days.values())
    span = f"{min(days)} to {max(days)}" if len(days) > 1 else min(days)

    def compact() -> None:
        for day in days:
            table.optimize.compact(partition_filters=[(DATE.name, "=", day)], target_size=_FILE_BYTES)

    return LakeStep(str(record.table), "compact", f"{files:,} files of {len(days)} days, {span}", compact)


def _scattered_days(table: DeltaTable, today: date) -> dict[str, int]:
    """Return the days before today that have more files than they need, with the number of their files."""
    files = pa.table(table.get_add_actions(flatten=True))
    if files.num_rows == 0:
        return {}
    day = f"partition.{DATE.name}"
    grouped = (
        pa.table({day: files[day].cast(pa.string()), "bytes": files["size_bytes"]})
        .filter(pc.field(day) < today.isoformat())
        .group_by(day)
        .aggregate([("bytes", "count"), ("bytes", "sum")])
        .sort_by(day)
    )
    return {
        row[day]: row["bytes_count"]
        for row in grouped.to_pylist()
        if row["bytes_count"] > 2 * (row["bytes_sum"] // _FILE_BYTES) + 1
    }


def _plan_vacuum(lake: LakeSettings, record: Record, _: date) -> LakeStep | None:
    table = open_table(lake, record)
    # Full: what a killed job has left behind is in no version.
    files = table.vacuum(dry_run=True, full=True)
    if not files:
        return None
    detail = f"{len(files):,} files that no version of the last {lake.history_days} days needs"
    return LakeStep(str(record.table), "vacuum", detail, lambda: table.vacuum(dry_run=False, full=True))
