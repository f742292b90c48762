"""Rows kept in this process, for tests and notebooks."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mdstream.errors import SinkError
from mdstream.schemas import ANOMALY, BAR, DEAD_LETTER, PREDICTION, QUOTE, STORED_QUOTE, STORED_TICK, TICK, Record
from mdstream.schemas.batches import conform

_LOCK = threading.Lock()
_STORES: dict[str, dict[str, dict[Hashable, dict[str, Any]]]] = {}
"""Rows by the sink's name, the record's name and the row's key."""


@dataclass(frozen=True)
class MemorySink:
    """Keeps rows as the database does: one a key, the newest revision; of a record without key every row.

    It takes several kinds of records and recognises each by its columns. Rows live in the process that writes them:
    all sinks of the same name in one process are one store, also after pickling, and another process has its own.

    Attributes:
        name: The store.
        records: What it takes.

    Example:
        >>> from mdstream.schemas import BAR
        >>> sink = MemorySink("example")
        >>> sink.write(pa.RecordBatch.from_pylist([], schema=BAR.schema))
        >>> sink.rows(BAR).num_rows
        0
    """

    name: str
    records: tuple[Record, ...] = (STORED_TICK, STORED_QUOTE, BAR, ANOMALY, PREDICTION, TICK, QUOTE, DEAD_LETTER)

    def write(self, batch: pa.RecordBatch) -> None:
        """Keep the rows; see `mdstream.stores.Sink`.

        Raises:
            SinkError: The columns are not those of a known record, or a value is not what the record allows.
        """
        record = self._record_of(batch)
        rows = conform(batch, record).to_pylist()
        with _LOCK:
            store = _STORES.setdefault(self.name, {}).setdefault(record.name, {})
            for row in rows:
                key = tuple(row[name] for name in record.key) if record.key else len(store)
                if key not in store or _replaces(record, row, store[key]):
                    store[key] = row

    def rows(self, record: Record) -> pa.Table:
        """Return what is kept of `record`, in the order in which the keys came."""
        with _LOCK:
            kept = list(_STORES.get(self.name, {}).get(record.name, {}).values())
        return pa.Table.from_pylist(kept, schema=record.schema)

    def _record_of(self, batch: pa.RecordBatch) -> Record:
        names = set(batch.schema.names)
        for record in self.records:
            if names == set(record.schema.names):
                return record
        raise SinkError(f"no record has the columns {', '.join(sorted(names))}; name it in the sink's records")

    def clear(self) -> None:
        """Forget all rows."""
        with _LOCK:
            _STORES.pop(self.name, None)


def _replaces(record: Record, new: dict[str, Any], old: dict[str, Any]) -> bool:
    return record.revision_column is not None and bool(new[record.revision_column] >= old[record.revision_column])
