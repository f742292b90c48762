"""What every sink does to a batch before it sends it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from mdstream.errors import SinkError
from mdstream.schemas import Record
from mdstream.schemas.limits import LAST_MICROSECOND

_FIRST_MICROSECOND = -62_135_596_800_000_000
"""0001-01-01 00:00 UTC."""


def conform(batch: pa.RecordBatch, record: Record) -> pa.RecordBatch:
    """Return the batch with exactly the record's columns, in its order and of its types.

    Raises:
        SinkError: A column is missing, unknown, of a type that does not convert without loss, null where it must
            not be, or a time outside the years 1 to 9999.
    """
    found, expected = batch.schema.names, record.schema.names
    if sorted(found) != sorted(expected):
        raise SinkError(
            f"a batch of {record.name}s has the wrong columns: "
            f"missing {_names(set(expected) - set(found))}, unknown {_names(set(found) - set(expected))}, "
            f"repeated {_names({name for name in found if found.count(name) > 1})}"
        )
    columns = [_conform_column(batch.column(field.name), field, record) for field in record.schema]
    return pa.RecordBatch.from_arrays(columns, schema=record.schema)


def _names(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _conform_column(column: pa.Array, field: pa.Field, record: Record) -> pa.Array:
    where = f"column '{field.name}' of a batch of {record.name}s"
    try:
        column = column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as exc:
        raise SinkError(f"{where} is {column.type}; expected {field.type}: {exc}") from exc
    if column.null_count and not field.nullable:
        raise SinkError(f"{where} has {column.null_count} nulls; expected a value in every row")
    if pa.types.is_timestamp(field.type):
        _refuse_distant_times(column, where)
    return column


def _refuse_distant_times(column: pa.Array, where: str) -> None:
    bounds = pc.min_max(column.cast(pa.int64()))
    for micros in (bounds["min"].as_py(), bounds["max"].as_py()):
        if micros is not None and not _FIRST_MICROSECOND <= micros <= LAST_MICROSECOND:
            raise SinkError(f"{where} has a time {micros} µs from 1970; expected the years 1 to 9999")


def in_order(rows: pa.RecordBatch, columns: Sequence[str]) -> pa.RecordBatch:
    """Return the rows sorted by `columns`, which hold no nulls; equal rows keep their order."""
    return rows.take(pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in columns]))


def last_of_each(rows: pa.RecordBatch, key: Sequence[str]) -> pa.RecordBatch:
    """Return the last row of every run of rows with the same `key`, which holds no nulls."""
    if rows.num_rows < 2:
        return rows
    columns = [rows.column(name) for name in key]
    differs = reduce(pc.or_, (pc.not_equal(column.slice(1), column.slice(0, len(column) - 1)) for column in columns))
    return rows.filter(pa.concat_arrays([differs, pa.array([True])]))


def newest_revisions(rows: pa.RecordBatch, record: Record) -> pa.RecordBatch:
    """Return the rows sorted by the record's key, of several revisions of one key only the newest.

    Rows of a record without revisions are all kept, in the order in which they came.
    """
    if record.revision_column is None:
        return in_order(rows, record.key)
    return last_of_each(in_order(rows, (*record.key, record.revision_column)), record.key)
