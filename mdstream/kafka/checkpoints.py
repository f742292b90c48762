"""How far queries have come, by their checkpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

Reached = dict[str, dict[int, int]]
"""Of each topic that a query reads, the offset after the last record that it has done with, by partition."""

_HEAD_LINES = 2
"""Version and metadata, before one line a source."""


def reached_offsets(checkpoint: Path) -> Reached:
    """Return how far a query has come, as of its last whole batch; nothing before the first.

    A micro-batch query is that far. A real-time query is further: its batches are minutes long.

    Args:
        checkpoint: The query's: for each batch Spark notes there up to which offsets it goes, and then, in a file of
            the same number, that it is done.
    """
    done = max((int(file.name) for file in checkpoint.glob("commits/*") if file.name.isdecimal()), default=None)
    if done is None:
        return {}
    return offsets_of((checkpoint / "offsets" / str(done)).read_text(encoding="utf-8"))


def offsets_of(batch: str) -> Reached:
    """Return the offsets that a batch goes up to.

    Args:
        batch: What Spark has written of it in the checkpoint's folder `offsets`.

    Raises:
        ValueError: The file is torn.
    """
    reached: Reached = {}
    for source in batch.splitlines()[_HEAD_LINES:]:
        # A source that had no data is a dash, and one that is not Kafka has no partitions.
        for topic, partitions in ({} if source == "-" else json.loads(source)).items():
            if isinstance(partitions, dict):
                reached.setdefault(topic, {}).update((int(number), offset) for number, offset in partitions.items())
    return reached


def records_behind(checkpoint: Path, topic: str, ends: Mapping[int, int]) -> int:
    """Return how many records of a topic a micro-batch query has not done with.

    Args:
        checkpoint: The query's.
        topic: What it reads.
        ends: The next offset of each partition.
    """
    reached = reached_offsets(checkpoint).get(topic, {})
    return sum(end - reached.get(partition, 0) for partition, end in ends.items())
