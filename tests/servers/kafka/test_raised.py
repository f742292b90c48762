"""What live bars have written of findings since their checkpoint, read back from a real broker."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from confluent_kafka import Producer

from mdstream.config import KafkaSettings, Settings, TickSettings
from mdstream.embedded import LocalKafka
from mdstream.errors import QueryFailedError
from mdstream.kafka.raised import RaisedFinding, findings_since
from mdstream.kafka.topics import TopicPlan, create_topics
from mdstream.schemas.wire import encode, to_micros
from tests.servers.feeds.consuming import settings_of
from tests.unit.transforms.frames import at

pytestmark = pytest.mark.servers

BEGIN_MS = to_micros(at(0)) // 1_000
MINUTE = 60.0


def written(second: float, severity: str = "low", withdrawn: bool | None = None) -> bytes:
    return encode(
        {
            "symbol": "A", "window": "1min", "window_start": to_micros(at(second)), "rule": "hot", "severity": severity,
            "value": 1.0, "threshold": 2.0, "message": "", "detected_time": to_micros(at(second)), "trade_count": 3,
            "last_event_time": to_micros(at(second)), "withdrawn": withdrawn,
        },
    )  # fmt: skip


def send(kafka: LocalKafka, topic: str, records: Iterable[tuple[float, bytes]], partition: int = 0) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    for second, value in records:
        producer.produce(topic, value, partition=partition, timestamp=BEGIN_MS + round(second * 1_000))
    assert producer.flush(30) == 0


@pytest.fixture
def settings(kafka_server: LocalKafka, topic_name: str) -> Settings:
    kafka = settings_of(kafka_server)
    # Times of long ago, which would be over at once.
    kept = {"retention.ms": "-1"}
    create_topics(kafka, [TopicPlan(name, 2, 1, kept) for name in (topic_name, f"{topic_name}-found")])
    return Settings(kafka=kafka, ticks=TickSettings(topic=topic_name))


def found(second: float, severity: str = "low", *, withdrawn: bool = False) -> RaisedFinding:
    return RaisedFinding("A", "1min", to_micros(at(second)), "hot", severity, withdrawn)


def test_findings_later_than_the_last_tick_before_the_checkpoint_are_read(
    kafka_server: LocalKafka, topic_name: str, settings: Settings
) -> None:
    findings = f"{topic_name}-found"
    assert findings_since(settings, findings, {}) == []
    send(kafka_server, topic_name, [(minute * MINUTE, b"tick") for minute in range(10)])
    send(kafka_server, topic_name, [(minute * MINUTE, b"tick") for minute in range(5, 10)], partition=1)
    records = [
        (0 * MINUTE, written(0)),
        (3 * MINUTE, written(60)),
        (6 * MINUTE, written(120)),
        (6 * MINUTE, b"not a finding"),
        (7 * MINUTE, written(120, "high")),
        (8 * MINUTE, written(180)),
        (9 * MINUTE, written(180, withdrawn=True)),
    ]
    send(kafka_server, findings, records)
    send(kafka_server, findings, [(9 * MINUTE, written(240))], partition=1)
    newest = [found(120, "high"), found(180, withdrawn=True), found(240)]

    def since(**reached: int) -> list[RaisedFinding]:
        offsets = {int(name.removeprefix("partition_")): offset for name, offset in reached.items()}
        return sorted(findings_since(settings, findings, offsets), key=lambda finding: finding.start)

    assert since() == [found(0), found(60), *newest]
    # The last ticks before came in minute 5 of both; a minute is left for clocks.
    assert since(partition_0=6, partition_1=1) == newest
    assert since(partition_0=10, partition_1=5) == [found(180, withdrawn=True), found(240)]
    # The partition that is furthest behind says how far back to look; one without a tick says nothing.
    assert since(partition_0=4, partition_1=5) == [found(60), *newest]
    assert since(partition_0=6, partition_1=0) == newest


def test_a_broker_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdstream.kafka.spans._ANSWER_SECONDS", 1)
    away = Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"))
    with pytest.raises(QueryFailedError, match=r"Kafka at 127\.0\.0\.1:1 does not answer"):
        findings_since(away, "anomalies", {})
