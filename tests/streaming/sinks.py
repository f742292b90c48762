"""Sinks of whatever process: what they wrote, and how often they were asked, is in a folder."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]


@dataclass(frozen=True)
class FolderSink:
    """Writes each batch to a file of its own."""

    folder: Path

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self.folder.mkdir(exist_ok=True)
            partial = self.folder / f".{uuid.uuid4()}"
            pq.write_table(pa.Table.from_batches([batch]), partial)
            partial.rename(self.folder / f"{partial.name[1:]}.parquet")

    def writes(self) -> Sequence[list[Row]]:
        """What was written, batch by batch, the oldest first."""
        files = sorted(self.folder.glob("*.parquet"), key=lambda file: file.stat().st_mtime_ns)
        return [pq.read_table(file).to_pylist() for file in files]

    def rows(self) -> list[Row]:
        return [row for batch in self.writes() for row in batch]


@dataclass(frozen=True)
class AilingSink:
    """Raises at its first writes, then passes on to another sink."""

    attempts_file: Path
    failures: int
    error: Exception
    well: FolderSink

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows == 0:
            return
        with self.attempts_file.open("ab", buffering=0) as file:
            file.write(b".")
            attempt = os.fstat(file.fileno()).st_size
        if attempt <= self.failures:
            raise self.error
        self.well.write(batch)

    def attempts(self) -> int:
        return self.attempts_file.stat().st_size
