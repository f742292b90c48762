"""How far live bars had come when they ended, by what they have written."""

from __future__ import annotations

import time

from mdstream.config import Settings
from mdstream.kafka.spans import Spans, last_of, read, reader, whole_topic
from mdstream.schemas import BAR
from mdstream.schemas.checking import MalformedRecordError, RecordCheck

_RECORDS = 200
"""How many records of a partition are looked at: bars of several symbols are not written in the order of time."""

_BAR = RecordCheck(BAR)


def latest_ingest_time(settings: Settings, topic: str) -> int:
    """Return when the newest tick had arrived of those that are in the newest bars of a topic.

    A query that begins again at its last checkpoint makes the bars since then a second time. How long those took is
    judged by when they came first.

    Returns:
        Epoch microseconds; 0 if there are no bars.

    Raises:
        QueryFailedError: The broker does not answer.
    """
    with reader(settings) as consumer:
        spans = last_of(whole_topic(consumer, topic), _RECORDS)
        return max((_ingest_time(record.value()) for record in read(consumer, topic, spans)), default=0)


def last_offsets(settings: Settings, topic: str, records: int) -> Spans:
    """Return where the newest records of a topic are.

    Args:
        settings: The broker.
        topic: The topic.
        records: How many records at most, the same number of each partition. Partitions without records are left out.

    Raises:
        QueryFailedError: The broker does not answer.
    """
    with reader(settings) as consumer:
        spans = whole_topic(consumer, topic)
        return last_of(spans, -(-records // max(1, len(spans))))


def _ingest_time(value: bytes | None) -> int:
    """Return the bar's newest ingest time; 0 of what is not a bar with one. Nothing has arrived later than now."""
    try:
        bar = _BAR.read(value)
    except MalformedRecordError:
        return 0
    found: int = bar.get("last_ingest_time") or 0
    return min(found, time.time_ns() // 1_000)
