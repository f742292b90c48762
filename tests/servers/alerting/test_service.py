"""Anomalies in Kafka become exactly the alerts in Slack that they should, with Redis remembering."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator

import pytest
import redis

from mdstream.alerting import AlertService, LogChannel
from mdstream.config import KafkaSettings, RedisSettings, Settings
from mdstream.embedded import LocalKafka, LocalRedis
from mdstream.errors import AlertError
from mdstream.schemas.keys import alert_cooldown_key
from tests.http_server import Answer
from tests.servers.alerting.office import Topic, configured, serving
from tests.servers.feeds.consuming import create, settings_of
from tests.slack_server import OK, SlackServer
from tests.unit.alerting.alerts import alert, minute
from tests.waiting import until

pytestmark = pytest.mark.servers


def symbols(slack: SlackServer) -> list[str]:
    return [text.split()[1] for text in slack.accepted]


def test_exactly_the_alerts_expected(topic: Topic, fresh_redis: RedisSettings, slack: SlackServer) -> None:
    slack.answer(Answer(500), Answer(429, headers={"Retry-After": "0"}), Answer(200, held=True), OK)
    topic.send(symbol="A", severity="critical")
    topic.send(symbol="A", severity="critical", message="a later revision")
    topic.send(symbol="A", window_start=minute(1))
    topic.send(symbol="A", window="5min")
    topic.send(symbol="A", rule="volume_spike", severity="medium")
    topic.send_value("A", b"no anomaly")
    settings = configured(topic, fresh_redis, slack)
    with serving(settings, topic) as service:
        until(lambda: service.counts.read == 6 and service.counts.sent == 1)
        topic.send(symbol="B")
        until(lambda: service.counts.sent == 2)

    assert symbols(slack) == ["A", "B"]
    # What was held back while A waited may be said with A's third attempt already, and is said once.
    assert sum(text.count("2 more alerts held back") for text in slack.accepted) == 1
    counts = service.counts
    assert (counts.malformed, counts.not_severe, counts.repeats, counts.held_back) == (1, 1, 1, 2)
    assert (counts.failed_attempts, counts.lost, counts.dropped, counts.waiting) == (3, 0, 0, 0)
    assert topic.committed(topic.name) == 7


def test_a_restart_repeats_nothing(topic: Topic, fresh_redis: RedisSettings, slack: SlackServer) -> None:
    settings = configured(topic, fresh_redis, slack)
    topic.send(symbol="A")
    with serving(settings, topic) as service:
        until(lambda: service.counts.sent == 1)
    topic.send(symbol="A", message="a later revision")
    topic.send(symbol="A", window_start=minute(1))
    topic.send(symbol="A", rule="other")
    with serving(settings, topic) as again:
        until(lambda: again.counts.read == 3 and again.counts.sent == 1)

    assert [text.splitlines()[0].split(",")[0] for text in slack.accepted] == ["*HIGH* A price_spike", "*HIGH* A other"]
    assert (again.counts.repeats, again.counts.held_back) == (1, 1)


def test_after_the_cooldown_comes_the_next_alert_but_no_repeat(
    topic: Topic, fresh_redis: RedisSettings, slack: SlackServer
) -> None:
    settings = configured(topic, fresh_redis, slack, cooldown_seconds=1)
    client = redis.Redis(port=fresh_redis.port)
    with client, serving(settings, topic) as service:
        topic.send(symbol="A")
        until(lambda: service.counts.sent == 1)
        # It ends by itself, within a second, and may have done so.
        assert client.ttl(alert_cooldown_key("A", "price_spike")) in {1, 0, -2}
        until(lambda: not client.exists(alert_cooldown_key("A", "price_spike")))
        topic.send(symbol="A", message="a later revision")
        topic.send(symbol="A", window_start=minute(1), message="another bar")
        until(lambda: service.counts.read == 3 and service.counts.sent == 2)

    assert [text.splitlines()[1] for text in slack.accepted] == ["up &amp; away", "another bar"]


def test_what_is_lost_is_not_in_cooldown(topic: Topic, fresh_redis: RedisSettings, slack: SlackServer) -> None:
    slack.answer(Answer(404, "no_service"), OK)
    with serving(configured(topic, fresh_redis, slack), topic) as service:
        topic.send(symbol="A", window_start=minute(1))
        until(lambda: service.counts.lost == 1)
        topic.send(symbol="A", window_start=minute(2))
        until(lambda: service.counts.sent == 1)

    assert len(slack.accepted) == 1
    assert slack.accepted[0].endswith("_1 more alert lost_")


def test_what_a_stop_leaves_is_sent_by_the_next_start(
    topic: Topic, fresh_redis: RedisSettings, slack: SlackServer
) -> None:
    slack.answer(Answer(429, headers={"Retry-After": "86400"}))
    settings = configured(topic, fresh_redis, slack)
    with serving(settings, topic) as service:
        topic.send(symbol="A")
        topic.send(symbol="B")
        until(lambda: service.counts.failed_attempts == 1 and service.counts.read == 2)
    assert slack.accepted == []
    assert topic.committed(topic.name) == 0
    slack.answer(OK)
    with serving(settings, topic) as again:
        until(lambda: again.counts.sent == 2)

    assert sorted(symbols(slack)) == ["A", "B"]
    assert topic.committed(topic.name) == 2


@pytest.fixture
def own_redis() -> Iterator[LocalRedis]:
    """A server that the test may stop."""
    with LocalRedis() as server:
        yield server


def test_without_redis_alerts_go_on_and_are_not_a_flood(
    topic: Topic, own_redis: LocalRedis, slack: SlackServer, caplog: pytest.LogCaptureFixture
) -> None:
    settings = configured(topic, own_redis.settings, slack)
    topic.send(symbol="A")
    with serving(settings, topic) as service:
        until(lambda: service.counts.sent == 1)
        own_redis.stop()
        topic.send(symbol="A", window_start=minute(1))
        topic.send(symbol="B")
        topic.send(symbol="B", window_start=minute(1))
        topic.send(symbol="C")
        until(lambda: service.counts.read == 5 and service.counts.sent == 3)
        own_redis.start()
        client = redis.Redis(port=own_redis.port)
        numbers = iter(range(1_000))
        with client:
            # Once Redis is asked again, it remembers.
            until(lambda: _remembers(topic, client, f"D{next(numbers)}"))
    assert sorted(symbols(slack))[:3] == ["A", "B", "C"]
    assert service.counts.cooldown_failures >= 1
    assert service.counts.held_back == 2
    said = [message for message in caplog.messages if message.startswith("Redis at")]
    assert len(said) == 2
    assert "a restart may repeat alerts" in said[0]
    assert said[1].endswith("is back")


def _remembers(topic: Topic, client: redis.Redis, symbol: str) -> bool:
    topic.send(symbol=symbol)
    return bool(client.keys("alert_cooldown:D*"))


def test_a_start_without_redis(topic: Topic, slack: SlackServer, caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    caplog.set_level(logging.WARNING)
    with serving(configured(topic, RedisSettings(port=port), slack), topic) as service:
        topic.send(symbol="A")
        topic.send(symbol="A", window_start=minute(1))
        until(lambda: service.counts.read == 2 and service.counts.sent == 1)

    assert symbols(slack) == ["A"]
    assert service.counts.held_back == 1


def test_without_the_topic(kafka_server: LocalKafka, topic_name: str) -> None:
    settings = Settings(kafka=KafkaSettings(bootstrap_servers=kafka_server.bootstrap_servers))
    service = AlertService(settings, LogChannel(), topic_name)

    with pytest.raises(AlertError, match=f"topic {topic_name} cannot be read.*'mdstream topics create' makes it"):
        run_to_the_error(service)


def test_without_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdstream.alerting.service._ANSWER_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    service = AlertService(Settings(kafka=KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}")), LogChannel())

    with pytest.raises(AlertError, match=f"Kafka at 127.0.0.1:{port} does not answer: .*is it running"):
        run_to_the_error(service)


def run_to_the_error(service: AlertService) -> None:
    service.run(threading.Event())


def test_an_old_anomaly_is_left_out(topic: Topic, fresh_redis: RedisSettings, slack: SlackServer) -> None:
    topic.send(symbol="A", detected_time=minute(0))
    topic.send(symbol="B")
    with serving(configured(topic, fresh_redis, slack), topic) as service:
        until(lambda: service.counts.read == 2 and service.counts.sent == 1)

    assert symbols(slack) == ["B"]
    assert service.counts.outdated == 1
    assert alert(detected_time=minute(0)).age_seconds > 900


def test_kafka_goes_away_and_returns(topic_name: str, fresh_redis: RedisSettings, slack: SlackServer) -> None:
    with LocalKafka() as server:
        kafka = settings_of(server)
        create(kafka, topic_name)
        topic = Topic(kafka, topic_name)
        with serving(configured(topic, fresh_redis, slack), topic) as service:
            topic.send(symbol="A")
            until(lambda: service.counts.sent == 1)
            server.stop()
            server.start()
            topic.send(symbol="B")
            until(lambda: service.counts.sent == 2, 60)
        assert topic.committed(topic.name) == 2

    assert symbols(slack) == ["A", "B"]
