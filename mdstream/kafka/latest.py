"""How far live bars had come when they ended, by what they have written."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from mdstream.config import Settings
from mdstream.errors import QueryFailedError
from mdstream.kafka.login import client_login
from mdstream.schemas import BAR
from mdstream.schemas.checking import MalformedRecordError, RecordCheck

_RECORDS = 200
"""How many records of a partition are looked at: bars of several symbols are not written in the order of time."""

_ANSWER_SECONDS = 30
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
    with _consumer(settings) as consumer:
        return max((_ingest_time(record.value()) for record in _last_records(consumer, topic)), default=0)


def last_offsets(settings: Settings, topic: str, records: int) -> dict[int, tuple[int, int]]:
    """Return where the newest records of a topic are: the first offset and the one behind the last, by partition.

    Args:
        settings: The broker.
        topic: The topic.
        records: How many records at most, the same number of each partition. Partitions without records are left out.

    Raises:
        QueryFailedError: The broker does not answer.
    """
    with _consumer(settings) as consumer:
        bounds = _bounds_of_topic(consumer, topic)
        return _last_of(bounds, -(-records // max(1, len(bounds))))


@contextmanager
def _consumer(settings: Settings) -> Iterator[Consumer]:
    consumer = Consumer(client_login(settings.kafka) | {"group.id": "mdstream-newest", "enable.auto.commit": False})
    try:
        yield consumer
    except KafkaException as exc:
        raise QueryFailedError(f"Kafka at {settings.kafka.bootstrap_servers} does not answer: {exc}") from exc
    finally:
        consumer.close()


def _bounds_of_topic(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    partitions = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic].partitions
    return {partition: _bounds(consumer, TopicPartition(topic, partition)) for partition in partitions}


def _last_of(bounds: Mapping[int, tuple[int, int]], records: int) -> dict[int, tuple[int, int]]:
    """Return where the last records of each partition are, so many of each at most; of empty ones nothing."""
    return {partition: (max(first, end - records), end) for partition, (first, end) in bounds.items() if first < end}


def _last_records(consumer: Consumer, topic: str) -> list[Message]:
    found = _last_of(_bounds_of_topic(consumer, topic), _RECORDS)
    left: dict[int | None, int] = {partition: end for partition, (_, end) in found.items()}
    consumer.assign([TopicPartition(topic, partition, first) for partition, (first, _) in found.items()])
    records = []
    deadline = time.monotonic() + _ANSWER_SECONDS
    while left:
        record = consumer.poll(_ANSWER_SECONDS)
        if record is None or time.monotonic() > deadline:
            raise KafkaException(f"the end of {topic} was not read within {_ANSWER_SECONDS} s")
        if record.error() is None:
            records.append(record)
            if (record.offset() or 0) + 1 >= left.get(record.partition(), 0):
                left.pop(record.partition(), None)
    return records


def _bounds(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """Return the first offset of a partition and the one behind its last."""
    try:
        return consumer.get_watermark_offsets(partition, timeout=_ANSWER_SECONDS)
    except KafkaException as exc:
        # A topic that was made just now.
        if exc.args[0].code() == KafkaError._UNKNOWN_PARTITION:  # noqa: SLF001 - its public name
            return 0, 0
        raise


def _ingest_time(value: bytes | None) -> int:
    """Return the bar's newest ingest time; 0 of what is not a bar with one. Nothing has arrived later than now."""
    try:
        bar = _BAR.read(value)
    except MalformedRecordError:
        return 0
    found: int = bar.get("last_ingest_time") or 0
    return min(found, time.time_ns() // 1_000)
