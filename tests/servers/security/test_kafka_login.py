"""Every client of ours on a real broker that asks for a password or a certificate, over TLS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pyarrow as pa
import pytest
from confluent_kafka import TopicPartition

from mdstream.config import KafkaSecuritySettings, KafkaSettings, Settings, SparkSettings, TickSettings
from mdstream.embedded.server import HOST
from mdstream.indicators import indicator_record
from mdstream.kafka.latency import open_consumer
from mdstream.kafka.topics import TopicPlan, create_topics, describe_topics
from mdstream.monitoring.doctor import check_kafka
from mdstream.schemas import BAR, TICK
from mdstream.stores import KafkaSink
from mdstream.streaming import live_engine, start_live_bars, trigger_for
from mdstream.transforms import ConditionTable
from tests.servers.security.broker import PASSWORD, USER, SecureKafka

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def broker(certificates: Path) -> Iterator[SecureKafka]:
    with SecureKafka(certificates) as server:
        yield server


def by_password(broker: SecureKafka, certificates: Path, password: str = PASSWORD) -> KafkaSettings:
    security = KafkaSecuritySettings.model_validate(
        {
            "protocol": "SASL_SSL",
            "mechanism": "PLAIN",
            "username": USER,
            "password": password,
            "ca_file": certificates / "ca.pem",
        }
    )
    return KafkaSettings(bootstrap_servers=f"{HOST}:{broker.port}", security=security)


def by_certificate(broker: SecureKafka, certificates: Path) -> KafkaSettings:
    security = KafkaSecuritySettings(
        protocol="SSL", ca_file=certificates / "ca.pem", certificate_file=certificates / "client.pem"
    )
    return KafkaSettings(bootstrap_servers=f"{HOST}:{broker.certificate_port}", security=security)


@pytest.mark.parametrize("login", [by_password, by_certificate])
def test_ticks_become_bars(
    login: type,
    broker: SecureKafka,
    certificates: Path,
    spark: SparkSession,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kafka = login(broker, certificates)
    ticks, bars = (replace(record, topic=f"{record.topic}-{login.__name__}") for record in (TICK, BAR))
    create_topics(kafka, [TopicPlan(record.topic_name, 1, 1) for record in (ticks, bars, indicator_record(()))])
    at = datetime(2026, 1, 2, 14, 30, tzinfo=UTC)
    row = {"symbol": "AAPL", "price": 10.5, "size": 2.0, "event_time": at, "ingest_time": at, "source": "test"}
    KafkaSink(kafka, ticks).write(pa.RecordBatch.from_pylist([row], TICK.schema))
    assert [topic.records for topic in describe_topics(kafka, [ticks.topic_name])] == [1]

    settings = Settings(
        kafka=kafka,
        spark=SparkSettings(checkpoint_location=str(tmp_path)),
        ticks=TickSettings(topic=ticks.topic_name),
    )
    monkeypatch.setattr(live_engine, "BAR", bars)
    query = start_live_bars(spark, settings, ConditionTable(), (), trigger_for(spark, settings.spark)).query
    consumer = open_consumer(kafka)
    try:
        consumer.assign([TopicPartition(bars.topic_name, 0, 0)])
        message = consumer.poll(60)
        assert message is not None, query.exception()
        assert query.exception() is None
        bar = orjson.loads(message.value() or b"")
    finally:
        consumer.close()
        query.stop()
    assert (bar["symbol"], bar["close"], bar["volume"], bar["trade_count"]) == ("AAPL", 10.5, 2.0, 1)


def test_a_wrong_password_is_said_and_not_shown(
    broker: SecureKafka, certificates: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = by_password(broker, certificates, "not-the-password")
    finding = check_kafka(Settings(kafka=kafka))
    assert not finding.ok
    assert "kafka.security (SASL_SSL)" in str(finding.missing)
    assert "not-the-password" not in str(finding) + caplog.text


def test_an_unencrypted_client_is_told_what_to_set(broker: SecureKafka) -> None:
    finding = check_kafka(Settings(kafka=KafkaSettings(bootstrap_servers=f"{HOST}:{broker.port}")))
    assert not finding.ok
    assert any("kafka.security" in fix for fix in finding.fixes)
