"""Rows put into the lake as the job archive does, without Spark."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

from mdstream.config import LakeSettings
from mdstream.schemas import Record
from mdstream.stores.lake import open_table, table_schema, table_url

TODAY = date(2024, 5, 8)
"""Two days after the rows of tests.unit.stores.rows."""


def append(lake: LakeSettings, record: Record, *rows: dict[str, Any]) -> None:
    """Commit rows at once, in a file a day."""
    dated = [row | {"date": row[str(record.time_column)].date()} for row in rows]
    write_deltalake(table_url(lake, record), pa.Table.from_pylist(dated, table_schema(record)), mode="append")


def stored(
    lake: LakeSettings, record: Record, columns: list[str], as_of: int | datetime | None = None
) -> list[tuple[Any, ...]]:
    """Return some columns of all rows, sorted."""
    rows = open_table(lake, record, as_of).to_pyarrow_table(columns=columns).to_pylist()
    return sorted(tuple(row.values()) for row in rows)
