"""The forms in which rows are answered."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from enum import StrEnum

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from mdstream.schemas import Record
from mdstream.schemas.text_lists import write_codes
from mdstream.stores.timescaledb.series import Row


class Format(StrEnum):
    """How rows are written."""

    JSON = "json"
    CSV = "csv"
    ARROW = "arrow"

    @property
    def media_type(self) -> str:
        """What the header `Content-Type` says."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv; charset=utf-8",
    Format.ARROW: "application/vnd.apache.arrow.stream",
}


def to_json(content: object) -> bytes:
    """Return JSON in which times are ISO 8601 in UTC.

    Example:
        >>> from datetime import UTC, datetime
        >>> to_json({"at": datetime(2013, 10, 7, 13, 30, tzinfo=UTC)})
        b'{"at":"2013-10-07T13:30:00Z"}'
    """
    return orjson.dumps(content, option=orjson.OPT_UTC_Z)


def write_rows(rows: Sequence[Row], record: Record, form: Format, page: Mapping[str, object]) -> bytes:
    """Return the body of a page.

    Args:
        rows: Rows of `record`.
        record: Which columns there are, in which order and of which types.
        form: `json` is an object of what the page names and its `items`, the other forms are of the rows alone.
        page: What a page names besides its rows.
    """
    if form is Format.JSON:
        return to_json({**page, "items": rows})
    table = pa.Table.from_pylist(rows, schema=record.schema)
    return _csv(table) if form is Format.CSV else _arrow(table)


def _arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _csv(table: pa.Table) -> bytes:
    columns = [_csv_column(column) for column in table.columns]
    sink = io.BytesIO()
    pa.csv.write_csv(pa.Table.from_arrays(columns, names=table.schema.names), sink)
    return sink.getvalue()


def _csv_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return pc.replace_substring(column.cast(pa.string()), " ", "T")
    if pa.types.is_list(column.type):
        # As `mdstream replay` reads a tick's conditions.
        return pa.array([None if codes is None else write_codes(codes) for codes in column.to_pylist()], pa.string())
    return column
