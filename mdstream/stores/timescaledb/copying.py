"""Arrow batches as the text that COPY reads."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from mdstream.errors import SinkError

_OPTIONS = csv.WriteOptions(include_header=False, quoting_style="needed")


def copy_text(rows: pa.RecordBatch) -> bytes:
    """Return the rows as CSV for `COPY … WITH (FORMAT csv)`, exactly: nulls, empty texts, microseconds, doubles.

    Raises:
        SinkError: A text holds the NUL character, which PostgreSQL cannot store.
    """
    arrays = [_array_literals(column) if pa.types.is_list(column.type) else column for column in rows.columns]
    buffer = io.BytesIO()
    csv.write_csv(pa.RecordBatch.from_arrays(arrays, names=rows.schema.names), buffer, _OPTIONS)
    text = buffer.getvalue()
    if b"\0" in text:
        raise SinkError(f"a text holds the NUL character, which PostgreSQL cannot store: {_with_nul(rows)}")
    return text


def _array_literals(lists: pa.ListArray) -> pa.StringArray:
    """Return lists of texts as PostgreSQL's array literals, every element quoted: `{"a","b,c",NULL}`."""
    escaped = pc.replace_substring_regex(lists.values, r'(["\\])', r"\\\1")
    quoted = pc.fill_null(pc.binary_join_element_wise('"', escaped, '"', ""), "NULL")
    rebuilt = pa.ListArray.from_arrays(lists.offsets, quoted)
    literals = pc.binary_join_element_wise("{", pc.binary_join(rebuilt, ","), "}", "")
    return pc.if_else(lists.is_valid(), literals, pa.scalar(None, pa.string()))


def _with_nul(rows: pa.RecordBatch) -> str:
    """Return the first row with a NUL, for the error message."""
    return next(str(row) for row in rows.to_pylist() if "\\x00" in repr(row))
