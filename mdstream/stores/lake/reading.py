"""Rows of the lake's tables, as they are or were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from functools import reduce
from operator import and_

import pyarrow as pa
import pyarrow.compute as pc

from mdstream.config import LakeSettings
from mdstream.schemas import Record
from mdstream.stores.lake.tables import DATE, open_table, translated


def read_rows(
    lake: LakeSettings,
    record: Record,
    start: datetime,
    end: datetime,
    where: pc.Expression | None = None,
    columns: Sequence[str] | None = None,
    as_of: int | datetime | None = None,
) -> Iterator[pa.RecordBatch]:
    """Read the rows whose own time lies in a span, of its days only.

    Args:
        lake: Where the table is.
        record: One of `LAKE_RECORDS`.
        start: First instant, aware.
        end: First instant after, aware.
        where: Which of them, e.g. `pc.field("symbol") == "AAPL"`.
        columns: Which columns; None for all of the record's.
        as_of: A version or an aware time, see `open_table`.

    Yields:
        Batches with these columns, as the record declares them.

    Raises:
        MissingDependencyError: deltalake is not installed.
        StoreError: There is no such table or version.
        StoreUnavailableError: The lake cannot be reached.
    """
    table = open_table(lake, record, as_of)
    time, day = pc.field(str(record.time_column)), pc.field(DATE.name)
    names = list(columns or record.schema.names)
    schema = pa.schema(record.schema.field(name) for name in names)
    predicates = [
        day >= pa.scalar(start.astimezone(UTC).date(), DATE.type),
        day <= pa.scalar(end.astimezone(UTC).date(), DATE.type),
        time >= _instant(start),
        time < _instant(end),
    ]
    if where is not None:
        predicates.append(where)
    with translated(lake, record):
        for batch in table.to_pyarrow_dataset().to_batches(columns=names, filter=reduce(and_, predicates)):
            if batch.num_rows:
                yield batch.cast(schema)


def stored_days(lake: LakeSettings, record: Record) -> list[date]:
    """Return the days of which the lake has rows, in order.

    Raises:
        MissingDependencyError: deltalake is not installed.
        StoreError: There is no such table.
        StoreUnavailableError: The lake cannot be reached.
    """
    table = open_table(lake, record)
    with translated(lake, record):
        return sorted(date.fromisoformat(str(found[DATE.name])) for found in table.partitions())


def _instant(time: datetime) -> pa.Scalar:
    return pa.scalar(time, pa.timestamp("us", tz="UTC"))
