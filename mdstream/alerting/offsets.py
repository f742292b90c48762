"""How far the topic has been handled, although alerts are settled later and in another thread."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class _Partition:
    next: int
    unsettled: set[int] = field(default_factory=set)
    committed: int | None = None

    @property
    def handled(self) -> int:
        return min(self.unsettled, default=self.next)


class HandledOffsets:
    """Per partition, the offset before which everything is settled.

    Example:
        >>> offsets = HandledOffsets()
        >>> for offset in (7, 8, 9):
        ...     offsets.begin(0, offset)
        >>> offsets.settle(0, 7)
        >>> offsets.settle(0, 9)
        >>> offsets.take_new()
        {0: 8}
        >>> offsets.take_new()
        {}
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._partitions: dict[int, _Partition] = {}

    def begin(self, partition: int, offset: int) -> None:
        """Take note of a record that was read."""
        with self._lock:
            state = self._partitions.setdefault(partition, _Partition(offset))
            state.next = offset + 1
            state.unsettled.add(offset)

    def settle(self, partition: int, offset: int) -> None:
        """Take note of a record that need not be read again."""
        with self._lock:
            if partition in self._partitions:
                self._partitions[partition].unsettled.discard(offset)

    def take_new(self) -> dict[int, int]:
        """Return what to commit: the offset to go on from of each partition, where it is another than last time."""
        with self._lock:
            changed = {number: state.handled for number, state in self._partitions.items()}
            changed = {number: offset for number, offset in changed.items() if offset != self._committed(number)}
            for number, offset in changed.items():
                self._partitions[number].committed = offset
            return changed

    def forget(self, partitions: Iterable[int]) -> None:
        """Leave out partitions that another process reads now."""
        with self._lock:
            for number in partitions:
                self._partitions.pop(number, None)

    def _committed(self, partition: int) -> int | None:
        return self._partitions[partition].committed
