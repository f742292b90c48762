"""How far a query has come, by its checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


def records_behind(checkpoint: Path, topic: str, ends: Mapping[int, int]) -> int:
    """Return how many records of a topic a micro-batch query has not done with.

    Args:
        checkpoint: The query's checkpoint: for each batch Spark notes there up to which offsets it goes, and then,
            in a file of the same number, that it is done.
        topic: What the query reads.
        ends: The next offset of each partition.
    """
    done = max((int(file.name) for file in checkpoint.glob("commits/*") if file.name.isdecimal()), default=None)
    reached: dict[str, int] = {}
    if done is not None:
        *_, offsets = (checkpoint / "offsets" / str(done)).read_text(encoding="utf-8").splitlines()
        reached = json.loads(offsets)[topic]
    return sum(end - reached.get(str(partition), 0) for partition, end in ends.items())
