"""Histories of bars in Spark's state: a snapshot and a log of changes behind it, read once and then followed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql.streaming.stateful_processor import StatefulProcessorHandle

from mdstream.indicators.history import History, SeriesKey, decode, encode, fold

_SMALL_LOG_BYTES = 262_144
"""A log up to this size is not worth a new snapshot."""


@dataclass(frozen=True)
class _Head:
    """Where the log stands: the snapshot is entry `first`, `version` is that of entry `last`."""

    first: int
    last: int
    version: bytes
    snapshot_bytes: int
    log_bytes: int


@dataclass(frozen=True)
class _Cached:
    last: int
    version: bytes
    histories: dict[SeriesKey, History]


_CACHE: dict[int, _Cached] = {}
"""What this worker process knows of each bucket. It is only used where the state says that it holds."""


class HistoryState:
    """The histories of the bucket whose key is the current one.

    A batch writes what it changed, not the histories: they are a thousand times as much. Workers keep what they
    read, and follow the log from where they were. Every entry of the log has a random version and names the one
    before: what a worker knows of an attempt that failed, or of another query, is recognised and read anew.

    Args:
        handle: Spark's, in `init` of the processor.
        limit: Bars that are kept of each series.
        buckets: How many buckets there are: their snapshots are taken at different times.
    """

    def __init__(self, handle: StatefulProcessorHandle, limit: int, buckets: int) -> None:
        self._limit = limit
        self._buckets = buckets
        self._head = handle.getValueState(
            "head", "first bigint, last bigint, version binary, snapshot_bytes bigint, log_bytes bigint"
        )
        self._taken: _Head | None = None
        self._entries = handle.getMapState("entries", "number bigint", "before binary, version binary, changes binary")

    def take(self, bucket: int) -> dict[SeriesKey, History]:
        """Return the histories, which belong to the caller until they are given to `keep`."""
        known = _CACHE.pop(bucket, None)
        head = self._taken = self._read_head()
        if head is None:
            return {}
        if known is not None and head.first <= known.last <= head.last:
            changes = self._changes(known.last + 1, head, known.version)
            if changes is not None:
                fold(known.histories, changes, self._limit)
                return known.histories
        histories: dict[SeriesKey, History] = {}
        fold(histories, self._changes(head.first, head, None) or (), self._limit)
        return histories

    def keep(self, bucket: int, histories: dict[SeriesKey, History], changes: Mapping[SeriesKey, History]) -> None:
        """Write what has changed since `take` of the same bucket; `histories` hold it already."""
        head = self._taken
        if changes:
            head = self._append(head, encode(changes))
            if head.log_bytes > self._longest_log(bucket, head):
                head = self._write_snapshot(head, encode(histories))
        if head is not None:
            _CACHE[bucket] = _Cached(head.last, head.version, histories)

    def _longest_log(self, bucket: int, head: _Head) -> float:
        return max(_SMALL_LOG_BYTES, head.snapshot_bytes) * (0.5 + bucket / self._buckets)

    def _changes(self, start: int, head: _Head, version: bytes | None) -> list[dict[SeriesKey, History]] | None:
        """Return the entries from `start` on; None if they do not continue what had `version`."""
        changes = []
        for number in range(start, head.last + 1):
            before, own, encoded = map(bytes, self._entries.getValue((number,)) or ())
            if version is not None and before != version:
                return None
            changes.append(decode(encoded))
            version = own
        return changes if version == head.version else None

    def _append(self, head: _Head | None, encoded: bytes) -> _Head:
        if head is None:
            return self._write_snapshot(_Head(0, -1, b"", 0, 0), encoded)
        version = uuid.uuid4().bytes
        self._entries.updateValue((head.last + 1,), (head.version, version, encoded))
        return self._write_head(
            _Head(head.first, head.last + 1, version, head.snapshot_bytes, head.log_bytes + len(encoded))
        )

    def _write_snapshot(self, head: _Head, encoded: bytes) -> _Head:
        number, version = head.last + 1, uuid.uuid4().bytes
        self._entries.clear()
        self._entries.updateValue((number,), (head.version, version, encoded))
        return self._write_head(_Head(number, number, version, len(encoded), 0))

    def _read_head(self) -> _Head | None:
        row = self._head.get()
        if row is None:
            return None
        first, last, version, snapshot_bytes, log_bytes = row
        return _Head(first, last, bytes(version), snapshot_bytes, log_bytes)

    def _write_head(self, head: _Head) -> _Head:
        self._head.update((head.first, head.last, head.version, head.snapshot_bytes, head.log_bytes))
        return head
