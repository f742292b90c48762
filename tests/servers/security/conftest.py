from __future__ import annotations

from collections.abc import Iterator

import pytest

from mdstream.config import KafkaSettings
from mdstream.embedded import LocalKafka
from tests.servers.serving.websocket.running import Exchange, Running, ready, with_topics


@pytest.fixture(scope="package")
def kafka() -> Iterator[KafkaSettings]:
    """A Kafka of these tests alone, with all topics: what they leave in them is not for others to read."""
    with LocalKafka() as server:
        yield with_topics(server)


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
