"""What `mdstream metrics` measures, on servers that come and go."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka import Producer
from influxdb_client import InfluxDBClient
from prometheus_client import CollectorRegistry

from mdstream.config import InfluxSettings, KafkaSettings, RedisSettings, Settings, SparkSettings, StoreSettings
from mdstream.embedded import LocalKafka
from mdstream.kafka.topics import create_topics, plan_topics
from mdstream.monitoring.monitor import Monitor
from mdstream.schemas import BAR, TICK
from tests.waiting import until
from tests.wrong_records import good, wrong

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def broker() -> Iterator[LocalKafka]:
    """A broker of our own: its topics have the usual names, and it is stopped."""
    with LocalKafka() as server:
        yield server


def settings_of(broker: LocalKafka, folder: Path, influxdb: InfluxSettings) -> Settings:
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=broker.bootstrap_servers),
        spark=SparkSettings(checkpoint_location=str(folder)),
        stores=StoreSettings(redis=RedisSettings(port=1), influxdb=influxdb),
    )


def send(settings: Settings, topic: str, *values: Mapping[str, object]) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap_servers})
    for value in values:
        producer.produce(topic, json.dumps(value).encode(), partition=0)
    assert producer.flush(60) == 0


def bar_of(micros: int) -> dict[str, object]:
    return good(BAR, last_ingest_time=micros)


def checkpoint(folder: Path, query: str, topic: str, offset: int) -> None:
    for name in ("offsets", "commits"):
        (folder / query / name).mkdir(parents=True, exist_ok=True)
        (folder / query / name / "0").write_text(f'v1\n{{}}\n{{"{topic}":{{"0":{offset}}}}}')


def test_lag_and_latency_over_an_outage(broker: LocalKafka, tmp_path: Path, fresh_influxdb: InfluxSettings) -> None:
    settings, registry = settings_of(broker, tmp_path, fresh_influxdb), CollectorRegistry()
    create_topics(settings.kafka, plan_topics(settings))
    monitor = Monitor(settings, registry)

    def lag(query: str, topic: str = str(TICK.topic)) -> float | None:
        return registry.get_sample_value("kafka_consumer_lag", {"query": query, "topic": topic})

    def measured(count: int) -> bool:
        found = registry.get_sample_value("processing_latency_seconds_count", {"point": "bar"})
        return found == count

    send(settings, str(TICK.topic), *({"n": number} for number in range(10)))
    checkpoint(tmp_path, "store_ticks", str(TICK.topic), 4)
    monitor.measure_kafka()
    assert lag("store_ticks") == 6
    assert lag("live_bars") == 10, "there is no bar yet"
    assert registry.get_sample_value("kafka_topic_records_total", {"topic": "tick_data"}) == 10

    # The newest bar has a tick that came after all these; then three more come.
    now = time.time_ns() // 1000 + 2000
    send(settings, str(BAR.topic), bar_of(now))
    until(lambda: measured(1))
    until(lambda: time.time_ns() // 1000 > now + 2000)
    send(settings, str(TICK.topic), *({"n": number} for number in range(3)))
    checkpoint(tmp_path, "store_ticks", str(TICK.topic), 12)
    monitor.measure_kafka()
    assert lag("live_bars") == 3
    assert lag("store_ticks") == 1
    assert (registry.get_sample_value("messages_per_second", {"query": "live_bars", "topic": "tick_data"}) or 0) > 0

    # What is not a bar stops nothing.
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap_servers})
    for value in (b"\xff", b"[1]", *(json.dumps(bar).encode() for _, bar in wrong(BAR) if len(str(bar)) < 60_000)):
        producer.produce(str(BAR.topic), value, partition=0)
    assert producer.flush(60) == 0
    send(settings, str(BAR.topic), bar_of(time.time_ns() // 1000))
    until(lambda: measured(2))

    broker.stop()
    monitor.measure_kafka()
    assert lag("store_ticks") is None, "what was once is not what is"
    monitor.check_health()
    assert registry.get_sample_value("server_up", {"server": "kafka"}) == 0
    assert registry.get_sample_value("server_up", {"server": "redis"}) == 0
    assert registry.get_sample_value("server_up", {"server": "influxdb"}) == 1
    broker.start()

    def back() -> bool:
        monitor.measure_kafka()
        return lag("store_ticks") == 1

    until(back, 60)
    monitor.close()

    points = stored(fresh_influxdb)
    assert {("kafka_metrics", "lag"), ("kafka_metrics", "messages_per_second"), ("latency_metrics", "p99_ms")} <= points


def stored(settings: InfluxSettings) -> set[tuple[str, str]]:
    """The measurements and fields that there are."""
    query = f'from(bucket: "{settings.bucket}") |> range(start: -1h)'
    with InfluxDBClient(settings.url, token=settings.token.get_secret_value(), org=settings.organisation) as client:
        found = client.query_api().query(query)
    return {(record.get_measurement(), record.get_field()) for table in found for record in table.records}
