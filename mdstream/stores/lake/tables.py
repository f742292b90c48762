"""Where the lake's tables are, what they hold, and how one is opened as it is or was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pyarrow as pa

from mdstream.config import LakeSettings
from mdstream.errors import MissingDependencyError, StoreError, StoreUnavailableError
from mdstream.schemas import BAR, STORED_TICK, Record

if TYPE_CHECKING:
    from deltalake import DeltaTable

LAKE_RECORDS = (STORED_TICK, BAR)
"""What the lake holds, each record in a table of its own."""

DATE = pa.field("date", pa.date32(), nullable=False, metadata={"comment": "day of the record's own time, UTC"})
"""The column by which every table is partitioned."""


def table_url(lake: LakeSettings, record: Record) -> str:
    """Return where the table of `record` is, the same for Spark and for everything else.

    Example:
        >>> table_url(LakeSettings(path="s3a://bucket/lake/"), BAR)
        's3a://bucket/lake/aggregated_data'
    """
    root = lake.path if urlsplit(lake.path).scheme else str(Path(lake.path).absolute())
    return f"{root.rstrip('/')}/{record.table}"


def table_schema(record: Record) -> pa.Schema:
    """Return the columns of the table of `record`: its own and, in front, its date.

    Example:
        >>> table_schema(BAR).names[:3]
        ['date', 'symbol', 'window']
    """
    return pa.schema([DATE, *record.schema])


def open_table(lake: LakeSettings, record: Record, as_of: int | datetime | None = None) -> DeltaTable:
    """Open the table of `record`, as it is or as it was.

    Args:
        lake: Where it is.
        record: One of `LAKE_RECORDS`.
        as_of: A version, or an aware time: what had been committed by then; None for the newest. Goes back as far as
            `history_days`.

    Raises:
        MissingDependencyError: deltalake is not installed.
        StoreError: There is no such table or version.
        StoreUnavailableError: The lake cannot be reached.

    Example:
        >>> open_table(lake, BAR, as_of=datetime(2026, 1, 5, tzinfo=UTC)).to_pandas()  # doctest: +SKIP
    """
    with translated(lake, record):
        table = delta_table_class()(table_url(lake, record))
        if as_of is not None:
            table.load_as_version(as_of)
        return table


def delta_table_class() -> type[DeltaTable]:
    """Return the class of Delta tables.

    Raises:
        MissingDependencyError: deltalake is not installed.
    """
    try:
        from deltalake import DeltaTable
    except ModuleNotFoundError as exc:
        raise MissingDependencyError.for_extra("deltalake", "delta") from exc
    return DeltaTable


@contextmanager
def translated(lake: LakeSettings, record: Record) -> Iterator[None]:
    """Turn what goes wrong with the table of `record` into errors of mdstream."""
    delta_table_class()
    from deltalake.exceptions import DeltaError, TableNotFoundError

    where = table_url(lake, record)
    try:
        yield
    except TableNotFoundError as exc:
        raise StoreError(f"there is no Delta table {where}; `mdstream maintain` makes it ({exc})") from exc
    except DeltaError as exc:
        raise StoreError(f"the Delta table {where} refuses that: {exc}") from exc
    except OSError as exc:
        raise StoreUnavailableError(f"the lake {lake.path} cannot be reached (stores.lake.path): {exc}") from exc
