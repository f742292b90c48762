from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from mdstream.embedded import LocalKafka
from tests.servers.serving.websocket.running import Exchange, Running, ready, with_topics


@pytest.fixture(scope="package")
def servers(kafka_server: LocalKafka) -> str:
    """Kafka with all topics."""
    return with_topics(kafka_server).bootstrap_servers


@pytest.fixture(scope="package")
def server(servers: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with small limits that many tests share."""
    limits = {"max_subscriptions": 5, "message_burst": 20, "max_half_open": 50, "max_connections": 30}
    settings = {f"websocket__{name}": value for name, value in limits.items()}
    with ready(servers, tmp_path_factory.mktemp("websocket"), **settings, websocket__stalled_seconds=3) as server:
        yield server


@pytest.fixture(scope="package")
def exchange(servers: str) -> Exchange:
    return Exchange(servers)


@pytest.fixture
def symbol() -> str:
    """A symbol that no other test uses."""
    return f"T{uuid.uuid4().hex[:12].upper()}"
