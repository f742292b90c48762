"""`mdstream alerts` as its own process: stopped, killed and started again."""

from __future__ import annotations

import signal
import uuid

import pytest

from mdstream.config import RedisSettings, Settings
from mdstream.embedded import LocalKafka
from mdstream.schemas import ANOMALY
from tests.http_server import Answer
from tests.servers.alerting.office import Topic, configured, process
from tests.servers.feeds.consuming import create, settings_of
from tests.slack_server import OK, SlackServer
from tests.unit.alerting.alerts import minute
from tests.waiting import errors_until_end, until

pytestmark = pytest.mark.servers


@pytest.fixture
def anomalies(kafka_server: LocalKafka) -> Topic:
    """The topic that the command reads."""
    settings = settings_of(kafka_server)
    create(settings, str(ANOMALY.topic))
    return Topic(settings, str(ANOMALY.topic))


@pytest.fixture
def settings(anomalies: Topic, fresh_redis: RedisSettings, slack: SlackServer) -> Settings:
    group = f"alerts-{uuid.uuid4().hex}"
    anomalies.skip_to_end(group)
    return configured(anomalies, fresh_redis, slack, consumer_group=group)


def test_sigterm_finishes_and_commits(anomalies: Topic, settings: Settings, slack: SlackServer) -> None:
    before = anomalies.committed(settings.alerts.consumer_group)
    with process(settings) as running:
        assert running.stderr is not None
        assert "alerts of severity high, critical go to Slack" in running.stderr.readline()
        anomalies.send(symbol="A")
        anomalies.send(symbol="B", severity="low")
        until(lambda: len(slack.accepted) == 1, 60)
        running.send_signal(signal.SIGTERM)
        said = errors_until_end(running)

    assert running.returncode == 0
    assert "sent 1" in said
    assert "Traceback" not in said
    assert "hunter2" not in said
    assert anomalies.committed(settings.alerts.consumer_group) == before + 2


def test_an_alert_that_waited_when_the_process_was_killed_is_sent_once(
    anomalies: Topic, settings: Settings, slack: SlackServer
) -> None:
    slack.answer(OK, Answer(200, held=True))
    anomalies.send(symbol="A")
    with process(settings) as first:
        until(lambda: len(slack.accepted) == 1, 60)
        anomalies.send(symbol="B")
        until(lambda: len(slack.posts) == 2, 60)
        first.kill()
    slack.answer(OK)
    anomalies.send(symbol="A", window_start=minute(1))
    anomalies.send(symbol="B", window_start=minute(1))
    anomalies.send(symbol="C")
    with process(settings) as second:
        until(lambda: len(slack.accepted) == 3, 60)
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=60)

    assert second.returncode == 0
    assert slack.accepted[0].split()[1] == "A"
    assert sorted(text.split()[1] for text in slack.accepted) == ["A", "B", "C"]
