"""Reads topics back, to compare them with what was sent."""

from __future__ import annotations

import json
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from mdstream.config import KafkaSettings
from mdstream.embedded import LocalKafka
from mdstream.kafka.topics import TopicPlan, create_topics, describe_topics

_BATCH = 10_000
_SECONDS_WITHOUT_MESSAGES = 30.0


def settings_of(server: LocalKafka, **changes: object) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=server.bootstrap_servers).model_copy(update=changes)


def create(settings: KafkaSettings, *names: str, partitions: int = 2, max_message_bytes: int = 1_048_588) -> None:
    configs = {"max.message.bytes": str(max_message_bytes)}
    create_topics(settings, [TopicPlan(name, partitions, 1, configs) for name in names])


def record_count(settings: KafkaSettings, topic: str) -> int:
    [state] = describe_topics(settings, [topic])
    return state.records


def messages(settings: KafkaSettings, topic: str) -> list[Message]:
    """Return all that a topic holds, in the order of each partition."""
    [state] = describe_topics(settings, [topic])
    consumer = Consumer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "group.id": f"test-{topic}",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": 16 * 1024 * 1024,
        }
    )
    try:
        consumer.assign([TopicPartition(topic, number, start) for number, (start, _) in state.offsets.items()])
        found: list[Message] = []
        while len(found) < state.records:
            part = consumer.consume(min(_BATCH, state.records - len(found)), _SECONDS_WITHOUT_MESSAGES)
            assert part, f"{len(found)} of {state.records} messages came"
            found += part
        assert all(message.error() is None for message in found)
        return found
    finally:
        consumer.close()


def values(settings: KafkaSettings, topic: str) -> list[dict[str, Any]]:
    return [json.loads(message.value() or b"") for message in messages(settings, topic)]
