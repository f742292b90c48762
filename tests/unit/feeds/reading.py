"""Files written for a test and read back."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mdstream.feeds.files import FILE_TICK_SCHEMA, read_ticks
from mdstream.feeds.rejects import Reject

MICROS = 1_381_154_400_464_123  # 2013-10-07T14:00:00.464123Z, by date(1)
TIME = datetime(2013, 10, 7, 14, 0, 0, 464123, tzinfo=UTC)


def read(path: Path) -> tuple[list[dict[str, Any]], list[Reject]]:
    rows: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for batch in read_ticks(path):
        assert batch.ticks.schema.equals(FILE_TICK_SCHEMA)
        rows += batch.ticks.to_pylist()
        rejects += batch.rejects
    return rows, rejects


def write_parquet(path: Path, **changes: pa.Array) -> Path:
    columns = {
        "symbol": pa.array(["AAPL"]),
        "price": pa.array([1.5]),
        "size": pa.array([100.0]),
        "event_time": pa.array([MICROS], pa.timestamp("us", "UTC")),
        **changes,
    }
    pq.write_table(pa.table(columns), path)
    return path
