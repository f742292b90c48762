"""A member of a consumer group on a real broker."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Producer

from mdstream.embedded import LocalKafka
from mdstream.kafka.group import GroupReader, GroupRecord
from mdstream.kafka.topics import TopicPlan, create_topics
from tests.servers.feeds.consuming import settings_of
from tests.waiting import until

pytestmark = pytest.mark.servers

_PATIENCE_SECONDS = 240


def test_what_is_there_is_returned_and_more_is_not_waited_for(kafka_server: LocalKafka, topic_name: str) -> None:
    settings = settings_of(kafka_server)
    create_topics(settings, [TopicPlan(topic_name, 1, 1)])
    producer = Producer({"bootstrap.servers": settings.bootstrap_servers})

    def send(*values: str) -> None:
        for value in values:
            producer.produce(topic_name, value)
        assert producer.flush(60) == 0

    reader = GroupReader(settings, topic_name, topic_name, "test", lambda: None, lambda _: None)
    try:
        send("first", "second")
        found: list[GroupRecord] = []
        began = time.monotonic()

        def read() -> bool:
            found.extend(reader.read(500, _PATIENCE_SECONDS))
            return len(found) == 2

        until(read, _PATIENCE_SECONDS)
        # What waits for 500 records waits until its time is over.
        assert time.monotonic() - began < _PATIENCE_SECONDS
        assert reader.read(500, 0) == []
        send("third", "fourth")
        assert len(reader.read(1, _PATIENCE_SECONDS)) == 1
        assert [record.value for record in found] == [b"first", b"second"]
    finally:
        reader.close()
