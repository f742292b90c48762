"""Reads what lies between two offsets of a topic, and ends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from mdstream.config import Settings
from mdstream.errors import QueryFailedError
from mdstream.kafka.login import client_login

Spans: TypeAlias = dict[int, tuple[int, int]]
"""By partition, the first offset and the one behind the last."""

_ANSWER_SECONDS = 30


@contextmanager
def reader(settings: Settings) -> Iterator[Consumer]:
    """Open a consumer that belongs to no group.

    Raises:
        QueryFailedError: The broker does not answer, now or while the consumer is used.
    """
    consumer = Consumer(client_login(settings.kafka) | {"group.id": "mdstream-newest", "enable.auto.commit": False})
    try:
        yield consumer
    except KafkaException as exc:
        raise QueryFailedError(f"Kafka at {settings.kafka.bootstrap_servers} does not answer: {exc}") from exc
    finally:
        consumer.close()


def whole_topic(consumer: Consumer, topic: str) -> Spans:
    """Return what there is of a topic."""
    partitions = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic].partitions
    return {partition: _bounds(consumer, TopicPartition(topic, partition)) for partition in partitions}


def last_of(spans: Mapping[int, tuple[int, int]], records: int) -> Spans:
    """Return the ends of spans, so many records of each at most; of empty ones nothing."""
    return {partition: (max(first, end - records), end) for partition, (first, end) in spans.items() if first < end}


def since(consumer: Consumer, topic: str, milliseconds: int) -> Spans:
    """Return what came to a topic at a time or later, in epoch milliseconds."""
    spans = whole_topic(consumer, topic)
    asked = [TopicPartition(topic, partition, milliseconds) for partition in spans]
    found = consumer.offsets_for_times(asked, timeout=_ANSWER_SECONDS)
    # Where nothing came since, the answer is below zero: the end.
    return {
        each.partition: (each.offset, spans[each.partition][1])
        for each in found
        if 0 <= each.offset < spans[each.partition][1]
    }


def read(consumer: Consumer, topic: str, spans: Mapping[int, tuple[int, int]]) -> Iterator[Message]:
    """Read spans to their ends.

    Args:
        consumer: From `reader`.
        topic: The topic.
        spans: None of them empty.

    Raises:
        KafkaException: The broker does not answer.
    """
    ends: dict[int | None, int] = {partition: end for partition, (_, end) in spans.items()}
    consumer.assign([TopicPartition(topic, partition, first) for partition, (first, _) in spans.items()])
    deadline = time.monotonic() + _ANSWER_SECONDS
    while ends:
        record = consumer.poll(_ANSWER_SECONDS)
        if record is None or time.monotonic() > deadline:
            raise KafkaException(f"the end of {topic} was not read within {_ANSWER_SECONDS} s")
        partition, offset = record.partition(), record.offset()
        if record.error() is not None or partition is None or offset is None:
            continue
        if offset < ends.get(partition, 0):
            yield record
        if offset + 1 >= ends.get(partition, offset + 2):
            del ends[partition]
            consumer.incremental_unassign([TopicPartition(topic, partition)])


def _bounds(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    try:
        return consumer.get_watermark_offsets(partition, timeout=_ANSWER_SECONDS)
    except KafkaException as exc:
        # A topic that was made just now.
        if exc.args[0].code() == KafkaError._UNKNOWN_PARTITION:  # noqa: SLF001 - its public name
            return 0, 0
        raise
