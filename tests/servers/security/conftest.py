from __future__ import annotations

from collections.abc import Iterator

import pytest

from mdstream.config import KafkaSettings, Settings
from mdstream.local import LocalKafka
from mdstream.operations.topics import create_topics, plan_topics
from tests.servers.serving.websocket.running import Exchange, Running, ready


@pytest.fixture(scope="package")
def kafka() -> Iterator[KafkaSettings]:
    """A Kafka of these tests alone, with all topics: what they leave in them is not for others to read."""
    with LocalKafka() as server:
        settings = Settings(kafka=KafkaSettings(bootstrap_servers=server.bootstrap_servers))
        create_topics(settings.kafka, plan_topics(settings))
        yield settings.kafka


@pytest.fixture(scope="module")
def websocket(kafka: KafkaSettings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """`mdstream websocket` with its usual limits; whatever is done to it, it does not end."""
    # What other attacks left in the topics is no concern of this one.
    settings = {"websocket__history_records": 0}
    with ready(kafka.bootstrap_servers, tmp_path_factory.mktemp("websocket"), **settings) as server:
        yield server
        assert server.process.poll() is None


@pytest.fixture(scope="module")
def exchange(kafka: KafkaSettings) -> Exchange:
    return Exchange(kafka.bootstrap_servers)
