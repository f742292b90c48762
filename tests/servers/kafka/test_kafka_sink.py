"""What Kafka holds of our batches."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace

import pyarrow as pa
import pytest
from kafka.partitioner.default import murmur2

from mdstream.config import KafkaSettings
from mdstream.embedded import LocalKafka
from mdstream.errors import SinkError, SinkUnavailableError
from mdstream.schemas import DEAD_LETTER, TICK
from mdstream.stores import KafkaSink
from tests.servers.stores.stores import create_topic, read_topic
from tests.unit.stores.rows import START, batch_of, tick, ticks

pytestmark = pytest.mark.servers


@pytest.fixture
def sink(kafka_server: LocalKafka, topic_name: str) -> KafkaSink:
    create_topic(kafka_server.bootstrap_servers, topic_name, partitions=4)
    settings = KafkaSettings(bootstrap_servers=kafka_server.bootstrap_servers)
    return KafkaSink(settings, replace(TICK, topic=topic_name))


def plain(*rows: dict[str, object]) -> pa.RecordBatch:
    return ticks(*rows).select(TICK.schema.names)


def test_value_and_key(sink: KafkaSink, kafka_server: LocalKafka, topic_name: str) -> None:
    sink.write(plain(tick(price=10.5, exchange="Q")))
    (message,) = read_topic(kafka_server.bootstrap_servers, topic_name)
    assert message.key == b"AAPL"
    assert json.loads(message.value) == {
        "symbol": "AAPL",
        "price": 10.5,
        "size": 1.0,
        "event_time": 1_715_002_200_000_000,
        "exchange": "Q",
    }


def test_equal_ticks_all_count_and_a_symbol_keeps_its_order(
    sink: KafkaSink, kafka_server: LocalKafka, topic_name: str
) -> None:
    rows = [tick(f"S{number % 7}", sequence=number // 14) for number in range(2100)]
    for start in range(0, len(rows), 700):
        sink.write(plain(*rows[start : start + 700]))
    found: dict[bytes | None, list[int]] = defaultdict(list)
    for message in read_topic(kafka_server.bootstrap_servers, topic_name):
        found[message.key].append(json.loads(message.value)["sequence"])
    assert found == {f"S{number}".encode(): [sequence for sequence in range(150) for _ in "ab"] for number in range(7)}


def test_a_symbol_is_in_the_partition_where_javas_clients_put_it(
    sink: KafkaSink, kafka_server: LocalKafka, topic_name: str
) -> None:
    sink.write(plain(*(tick(f"S{number}") for number in range(50))))
    for message in read_topic(kafka_server.bootstrap_servers, topic_name):
        assert message.partition == (murmur2(message.key) & 0x7FFFFFFF) % 4


def test_a_record_without_symbol_has_no_key(kafka_server: LocalKafka, topic_name: str) -> None:
    create_topic(kafka_server.bootstrap_servers, topic_name)
    settings = KafkaSettings(bootstrap_servers=kafka_server.bootstrap_servers)
    letter = {"source": "test", "reason": "not JSON", "payload": "x" * 2_000_000, "received_time": START}
    KafkaSink(settings, replace(DEAD_LETTER, topic=topic_name)).write(batch_of(DEAD_LETTER, [letter]))
    (message,) = read_topic(kafka_server.bootstrap_servers, topic_name)
    assert message.key is None
    assert len(json.loads(message.value)["payload"]) == 2_000_000


def test_a_topic_that_is_not_there(sink: KafkaSink) -> None:
    lost = replace(sink, record=replace(TICK, topic="not-there"))
    with pytest.raises(SinkError, match=r"'not-there' is not there.*run `mdstream topics create`") as caught:
        lost.write(plain(tick()))
    assert not isinstance(caught.value, SinkUnavailableError)
    sink.write(plain(tick()))


def test_a_record_that_is_too_large_is_refused_and_the_next_batch_goes(
    sink: KafkaSink, kafka_server: LocalKafka, topic_name: str
) -> None:
    with pytest.raises(SinkError, match=r"refused 1 records: .*large") as caught:
        sink.write(plain(tick("A"), tick("B", trade_id="x" * 20_000_000), tick("C")))
    assert not isinstance(caught.value, SinkUnavailableError)
    sink.write(plain(tick("D")))
    keys = {message.key for message in read_topic(kafka_server.bootstrap_servers, topic_name)}
    assert keys == {b"A", b"D"}


def test_a_batch_larger_than_the_producers_queue(sink: KafkaSink, kafka_server: LocalKafka, topic_name: str) -> None:
    sink.write(pa.Table.from_batches([plain(tick())] * 150_000).combine_chunks().to_batches()[0])
    assert len(read_topic(kafka_server.bootstrap_servers, topic_name)) == 150_000
