"""Rows of parquet files."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from mdstream.errors import InvalidInputError
from mdstream.feeds.columns import found
from mdstream.feeds.form import FileForm
from mdstream.feeds.layouts import Layout
from mdstream.feeds.parts import FilePart
from mdstream.feeds.rows import RawRows, check_columns

_BATCH_ROWS = 8192


def read_parquet(part: FilePart, form: FileForm) -> Iterator[RawRows]:
    """Read the rows of a parquet file, a few thousand at a time.

    Raises:
        InvalidInputError: The file cannot be read, is damaged, or lacks columns a tick needs.
    """
    try:
        layout = form.layout_of(part.name, [])
        with pq.ParquetFile(part.path) as file:
            names = file.schema_arrow.names
            check_columns(names, layout, form, part)
            total = max(file.metadata.num_rows, 1)
            first = 1
            columns = [name for name in layout.wanted if name in names]
            for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
                yield _rows_of(batch, layout, first, total)
                first += len(batch)
    except (pa.ArrowException, OSError) as exc:
        raise InvalidInputError(f"cannot read {part} as parquet: {exc}") from exc


def _rows_of(batch: pa.RecordBatch, layout: Layout, first: int, total: int) -> RawRows:
    return RawRows(
        columns={name: batch.column(name) for name in batch.schema.names},
        numbers=range(first, first + len(batch)),
        payload=lambda row: _payload(batch, row),
        last=first + len(batch) - 1,
        fraction=min((first - 1 + len(batch)) / total, 1.0),
        layout=layout,
    )


def _payload(batch: pa.RecordBatch, row: int) -> bytes:
    fields = {name: found(batch.column(name)[row]) for name in batch.schema.names}
    return json.dumps(fields, ensure_ascii=False, default=str).encode()
