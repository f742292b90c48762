from __future__ import annotations

from collections.abc import Iterator

import pytest

from mdstream.embedded import LocalKafka
from tests.servers.alerting.office import Topic
from tests.servers.feeds.consuming import create, settings_of
from tests.slack_server import SlackServer


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackServer]:
    # slack-sdk would ask a proxy for the local server.
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with SlackServer().running() as server:
        yield server


@pytest.fixture
def topic(kafka_server: LocalKafka, topic_name: str) -> Topic:
    """A topic of anomalies of the test's own."""
    settings = settings_of(kafka_server)
    create(settings, topic_name)
    return Topic(settings, topic_name)
