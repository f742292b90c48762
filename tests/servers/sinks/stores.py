"""The sinks under test, each with its real server and a way to see what the server then holds."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import kafka
import redis
import sqlalchemy as sa
from confluent_kafka import Consumer, KafkaException, TopicPartition
from kafka.admin import NewTopic

from mdstream.config import KafkaSettings, RedisSettings, TimescaleSettings
from mdstream.local.server import LocalServer
from mdstream.schemas import BAR, STORED_TICK, Record
from mdstream.schemas.tables import table_of
from mdstream.schemas.wire import decode
from mdstream.sinks import KafkaSink, MemorySink, RedisBarSink, RedisLatestPriceSink, Sink, TimescaleSink
from mdstream.sinks.postgres import create_schema
from mdstream.sinks.postgres.connection import engine_of
from tests.waiting import until

REDIS_TIMEOUT_SECONDS = 5
KAFKA_TIMEOUT_SECONDS = 5

_NOT_YET = ("UNKNOWN_TOPIC_OR_PART", "LEADER_NOT_AVAILABLE", "NOT_LEADER_FOR_PARTITION")
"""What a broker says of a topic that was created a moment ago."""

Row = dict[str, Any]


class Store(ABC):
    """A sink and what it wrote.

    Attributes:
        sink: The sink under test.
        record: What it takes.
        server: Where it writes to; None if that is this process.
    """

    revised: ClassVar[bool]
    """Whether rows of one key replace each other."""

    sink: Sink
    record: Record
    server: LocalServer | None = None

    @abstractmethod
    def rows(self) -> list[Row]:
        """Return what a reader of the store finds, sorted."""

    def count(self) -> int:
        """Return how many rows the store holds."""
        return len(self.rows())


def _sorted(rows: list[Row]) -> list[Row]:
    return sorted(
        rows, key=lambda row: [str(row[name]) for name in ("symbol", *STORED_TICK.key, *BAR.key) if name in row]
    )


class MemoryStore(Store):
    revised = True
    record = BAR

    def __init__(self) -> None:
        self._memory = MemorySink(f"test-{uuid.uuid4()}")
        self.sink = self._memory

    def rows(self) -> list[Row]:
        return _sorted(self._memory.rows(BAR).to_pylist())


class TableStore(Store):
    def __init__(self, settings: TimescaleSettings, server: LocalServer, record: Record) -> None:
        self._settings = settings
        self.server = server
        self.record = record
        self.revised = record.revision_column is not None  # type: ignore[misc]
        create_schema(self._settings, [record])
        self.sink = TimescaleSink(self._settings, record)

    def rows(self) -> list[Row]:
        with engine_of(self._settings).connect() as connection:
            connection.execute(sa.text("SET timezone = 'UTC'"))
            found = connection.execute(sa.select(table_of(self.record))).mappings().all()
        return _sorted([dict(row) for row in found])

    def count(self) -> int:
        with engine_of(self._settings).connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(table_of(self.record))).scalar_one()


class RedisStore(Store):
    revised = True

    def __init__(self, settings: RedisSettings, server: LocalServer, record: Record) -> None:
        settings = settings.model_copy(update={"timeout_seconds": REDIS_TIMEOUT_SECONDS})
        self.server = server
        self.record = record
        self.sink = RedisBarSink(settings) if record is BAR else RedisLatestPriceSink(settings)
        self._pattern = "aggregated:*" if record is BAR else "latest_price:*"

    def rows(self) -> list[Row]:
        assert self.server
        with redis.Redis(port=self.server.port) as client:
            values = client.mget(list(client.scan_iter(self._pattern)))
        return _sorted([decode(self.record, value) for value in values])


class TopicStore(Store):
    """Rows as a reader of the topic sees them, who takes a revision unless it is older."""

    revised = True

    def __init__(self, bootstrap_servers: str, server: LocalServer, topic: str) -> None:
        self.server = server
        self.record = replace(BAR, topic=topic)
        self._servers = bootstrap_servers
        settings = KafkaSettings(bootstrap_servers=bootstrap_servers, delivery_timeout_seconds=KAFKA_TIMEOUT_SECONDS)
        self.sink = KafkaSink(settings, self.record)
        create_topic(bootstrap_servers, topic)

    def rows(self) -> list[Row]:
        newest: dict[tuple[Any, ...], Row] = {}
        for message in read_topic(self._servers, str(self.record.topic)):
            row = decode(self.record, message.value)
            key = tuple(row[name] for name in BAR.key)
            if key not in newest or row["trade_count"] >= newest[key]["trade_count"]:
                newest[key] = row
        return _sorted(list(newest.values()))

    def count(self) -> int:
        return len(read_topic(self._servers, str(self.record.topic)))


def create_topic(bootstrap_servers: str, topic: str, partitions: int = 2) -> None:
    """Create a topic and return when its partitions can be read."""
    with kafka.KafkaAdminClient(bootstrap_servers=bootstrap_servers) as admin:
        admin.create_topics([NewTopic(topic, partitions, 1)])

    def can_be_read() -> bool:
        try:
            return read_topic(bootstrap_servers, topic) == []
        except KafkaException as exc:
            if exc.args[0].name() not in _NOT_YET:
                raise
            return False

    until(can_be_read)


@dataclass(frozen=True)
class Found:
    partition: int
    key: bytes | None
    value: bytes


def read_topic(bootstrap_servers: str, topic: str) -> list[Found]:
    """Return all that is in the topic now, each partition in its order."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "reader", "enable.auto.commit": False})
    try:
        found_topic = consumer.list_topics(topic).topics[topic]
        if found_topic.error:
            raise KafkaException(found_topic.error)
        partitions = [TopicPartition(topic, number, 0) for number in found_topic.partitions]
        wanted = sum(consumer.get_watermark_offsets(partition)[1] for partition in partitions)
        consumer.assign(partitions)
        found: list[Found] = []
        while len(found) < wanted:
            for message in consumer.consume(min(10_000, wanted - len(found)), timeout=1):
                assert message.error() is None
                partition, value = message.partition(), message.value()
                assert partition is not None
                assert value is not None
                found.append(Found(partition, message.key(), value))
        return found
    finally:
        consumer.close()


StoreMaker = Callable[[Any], Store]

MAKERS: dict[str, StoreMaker] = {
    "memory": lambda _: MemoryStore(),
    "table of bars": lambda get: TableStore(get("fresh_database"), get("postgres_server"), BAR),
    "table of ticks": lambda get: TableStore(get("fresh_database"), get("postgres_server"), STORED_TICK),
    "Redis bars": lambda get: RedisStore(get("fresh_redis"), get("redis_server"), BAR),
    "Redis prices": lambda get: RedisStore(get("fresh_redis"), get("redis_server"), STORED_TICK),
    "topic": lambda get: TopicStore(get("kafka_server").bootstrap_servers, get("kafka_server"), get("topic_name")),
}
"""How to make each store from pytest's `getfixturevalue`."""
