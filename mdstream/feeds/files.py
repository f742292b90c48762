"""Ticks from files: parquet, CSV and JSON lines, or folders of them.

Shared by the replay into Kafka and by bars computed from a file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from mdstream.errors import InvalidInputError
from mdstream.feeds.csv_rows import read_csv
from mdstream.feeds.json_rows import read_json_lines
from mdstream.feeds.parquet_rows import read_parquet
from mdstream.feeds.rows import FILE_TICK_SCHEMA, ROW_NUMBER, FileBatch, RawRows, to_ticks
from mdstream.feeds.validation import MAX_FUTURE_SKEW

__all__ = ["FILE_TICK_SCHEMA", "ROW_NUMBER", "FileBatch", "read_ticks"]

_READERS: MappingProxyType[str, Callable[[Path], Iterator[RawRows]]] = MappingProxyType(
    {
        ".parquet": read_parquet,
        ".pq": read_parquet,
        ".csv": read_csv,
        ".csv.gz": read_csv,
        ".jsonl": read_json_lines,
        ".jsonl.gz": read_json_lines,
        ".ndjson": read_json_lines,
        ".ndjson.gz": read_json_lines,
        ".json": read_json_lines,
        ".json.gz": read_json_lines,
    }
)


def read_ticks(path: Path, *, max_future_skew: timedelta = MAX_FUTURE_SKEW) -> Iterator[FileBatch]:
    r"""Read the ticks of a file, or of all files of a folder in the order of their names.

    Only `symbol`, `price`, `size` and `event_time` are required; other columns of TICK are null where the file
    does not have them, and further columns are ignored. Rows that are no usable ticks come out as rejects.
    Memory does not grow with the file.

    Args:
        path: A `.parquet`, `.csv` or `.jsonl` file, the last two also with `.gz`, or a folder of such files.
        max_future_skew: How far a tick may be ahead of its ingest time; if it has none, of now.

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
    parts = _parts(path)
    total = max(sum(part.stat().st_size for part in parts), 1)
    read, rows_before = 0, 0
    for part in parts:
        size = part.stat().st_size
        last = 0
        for raw in _READERS[_kind(part)](part):
            now = time.time_ns() // 1000
            batch = to_ticks(raw, rows_before=rows_before, received_micros=now, max_future_skew=max_future_skew)
            yield replace(batch, fraction=(read + raw.fraction * size) / total)
            last = raw.last
        read += size
        rows_before += last


def _kind(path: Path) -> str:
    return next((ending for ending in _READERS if path.name.lower().endswith(ending)), "")


def _parts(path: Path) -> list[Path]:
    if path.is_dir():
        visible = (part for part in sorted(path.iterdir()) if part.is_file() and part.name[0] not in "._")
        parts = [part for part in visible if _kind(part)]
        if not parts:
            raise InvalidInputError(f"there is no file of ticks in {path}; known kinds: {', '.join(_READERS)}")
        return parts
    if not path.is_file():
        raise InvalidInputError(f"there is no file {path}")
    if not _kind(path):
        raise InvalidInputError(f"{path.name} is not of a known kind; known are: {', '.join(_READERS)}")
    return [path]
