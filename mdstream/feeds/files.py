"""Ticks from files: parquet, CSV and JSON lines, or folders of them.

Shared by the replay into Kafka and by bars computed from a file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from mdstream.feeds.csv_rows import read_csv
from mdstream.feeds.form import FileForm
from mdstream.feeds.json_rows import read_json_lines
from mdstream.feeds.parquet_rows import read_parquet
from mdstream.feeds.parts import CSV, JSON_LINES, PARQUET, FilePart, parts_of
from mdstream.feeds.rows import FILE_TICK_SCHEMA, ROW_NUMBER, FileBatch, RawRows, to_ticks
from mdstream.feeds.validation import MAX_FUTURE_SKEW

__all__ = ["FILE_TICK_SCHEMA", "ROW_NUMBER", "FileBatch", "FileForm", "read_ticks"]

_Reader = Callable[[FilePart, FileForm], Iterator[RawRows]]
_READERS: tuple[tuple[tuple[str, ...], _Reader], ...] = (
    (PARQUET, read_parquet),
    (CSV, read_csv),
    (JSON_LINES, read_json_lines),
)
_USUAL = FileForm()


def read_ticks(
    path: Path,
    *,
    form: FileForm = _USUAL,
    max_future_skew: timedelta = MAX_FUTURE_SKEW,
    nonpositive_prices: bool = False,
) -> Iterator[FileBatch]:
    r"""Read the ticks of a file, or of all files of a folder in the order of their names.

    Only `symbol`, `price`, `size` and `event_time` are required; other columns of TICK are null where the file
    does not have them, and further columns are ignored. Rows that are no usable ticks come out as rejects.
    Memory does not grow with the file.

    Args:
        path: A `.parquet`, `.csv` or `.jsonl` file, the last two also with `.gz`, `.zst` or in a `.zip`, or a folder
            of such files.
        form: What the files do not say themselves: a vendor's format, names of columns, the unit of times, the symbol.
        max_future_skew: How far a tick may be ahead of its ingest time; if it has none, of now.
        nonpositive_prices: Whether prices may be zero or less.

    Raises:
        InvalidInputError: There is no such file, its kind is not known, it cannot be read, or lacks columns.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "ticks.csv"
        ...     _ = file.write_text("symbol,price,size,event_time\nAAPL,1.5,100,2026-01-02T09:30:00-05:00\n")
        ...     [batch.ticks["price"].to_pylist() for batch in read_ticks(file)]
        [[1.5]]
    """
    parts = parts_of(path)
    total = max(sum(part.size for part in parts), 1)
    read, rows_before = 0, 0
    for part in parts:
        last = 0
        for raw in _reader_of(part)(part, form):
            batch = to_ticks(
                raw,
                symbol=form.symbol_of(raw.layout, part.name),
                rows_before=rows_before,
                received_micros=time.time_ns() // 1000,
                max_future_skew=max_future_skew,
                nonpositive_prices=nonpositive_prices,
            )
            yield replace(batch, fraction=(read + raw.fraction * part.size) / total)
            last = raw.last
        read += part.size
        rows_before += last


def _reader_of(part: FilePart) -> _Reader:
    return next(reader for kinds, reader in _READERS if part.is_of(kinds))
