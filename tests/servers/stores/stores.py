"""The sinks under test, each with its real server and a way to see what the server then holds."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import kafka
import orjson
import redis
import sqlalchemy as sa
from confluent_kafka import Consumer, KafkaException, TopicPartition
from influxdb_client import InfluxDBClient
from kafka.admin import NewTopic

from mdstream.config import InfluxSettings, KafkaSettings, RedisSettings, TimescaleSettings
from mdstream.embedded import LocalKafka
from mdstream.embedded.server import LocalServer
from mdstream.schemas import ANOMALY, BAR, PREDICTION, STORED_QUOTE, STORED_TICK, Record
from mdstream.schemas.wire import decode, to_micros
from mdstream.stores import (
    InfluxSink,
    KafkaSink,
    MemorySink,
    RedisSink,
    Sink,
    TimescaleSink,
)
from mdstream.stores.timescaledb import create_schema
from mdstream.stores.timescaledb.connection import engine_of
from mdstream.stores.timescaledb.definitions import table_of
from tests.unit.stores.rows import INDICATOR
from tests.waiting import until

REDIS_TIMEOUT_SECONDS = 5
KAFKA_TIMEOUT_SECONDS = 5
INFLUX_TIMEOUT_SECONDS = 20

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

    sink: Sink
    record: Record
    server: LocalServer | None = None

    @property
    def revised(self) -> bool:
        """Whether rows of one key replace each other."""
        return self.record.revision_column is not None

    @abstractmethod
    def rows(self) -> list[Row]:
        """Return what a reader of the store finds, sorted."""

    def count(self) -> int:
        """Return how many rows the store holds."""
        return len(self.rows())


def _sorted(rows: list[Row]) -> list[Row]:
    return sorted(
        rows, key=lambda row: [str(row[name]) for name in ("symbol", *STORED_TICK.key, *ANOMALY.key) if name in row]
    )


class MemoryStore(Store):
    record = BAR

    def __init__(self) -> None:
        self._memory = MemorySink(f"test-{uuid.uuid4()}")
        self.sink = self._memory

    def rows(self) -> list[Row]:
        return _sorted(self._memory.rows(BAR).to_pylist())

    def count(self) -> int:
        return int(self._memory.rows(BAR).num_rows)


class TableStore(Store):
    def __init__(self, settings: TimescaleSettings, server: LocalServer, record: Record) -> None:
        self._settings = settings
        self.server = server
        self.record = record
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
    @property
    def revised(self) -> bool:
        """The newest tick of a symbol, too, takes the place of the one before."""
        return True

    def __init__(self, settings: RedisSettings, server: LocalServer, record: Record) -> None:
        settings = settings.model_copy(update={"timeout_seconds": REDIS_TIMEOUT_SECONDS})
        self.server = server
        self.record = record
        sinks: dict[str, tuple[Sink, str]] = {
            BAR.name: (RedisSink(settings, BAR), "aggregated:*"),
            INDICATOR.name: (RedisSink(settings, record), "indicators:*"),
            PREDICTION.name: (RedisSink(settings, PREDICTION), "predictions:*"),
            STORED_TICK.name: (RedisSink(settings, STORED_TICK), "latest_price:*"),
        }
        self.sink, self._pattern = sinks[record.name]

    def rows(self) -> list[Row]:
        assert self.server
        with redis.Redis(port=self.server.port) as client:
            keys = list(client.scan_iter(self._pattern))
            if self.record.name in (INDICATOR.name, PREDICTION.name):
                values = [value for key in keys for value in client.hvals(key)]
            else:
                values = client.mget(keys)
        return _sorted([decode(self.record, value) for value in values])


class TopicStore(Store):
    """Rows as a reader of the topic sees them, who takes a revision unless it is older."""

    def __init__(self, server: LocalKafka, topic: str, record: Record) -> None:
        bootstrap_servers = server.bootstrap_servers
        self.server = server
        self.record = replace(record, topic=topic)
        self._servers = bootstrap_servers
        settings = KafkaSettings(bootstrap_servers=bootstrap_servers, delivery_timeout_seconds=KAFKA_TIMEOUT_SECONDS)
        self.sink = KafkaSink(settings, self.record)
        create_topic(bootstrap_servers, topic)

    def rows(self) -> list[Row]:
        newest: dict[tuple[Any, ...], Row] = {}
        revision = str(self.record.revision_column)
        for message in read_topic(self._servers, self.record.topic_name):
            row = decode(self.record, message.value)
            key = tuple(row[name] for name in self.record.key)
            if key not in newest or row[revision] >= newest[key][revision]:
                newest[key] = row
        return _sorted(list(newest.values()))

    def count(self) -> int:
        return len(read_topic(self._servers, self.record.topic_name))


class InfluxStore(Store):
    def __init__(self, settings: InfluxSettings, server: LocalServer, record: Record) -> None:
        self._settings = settings.model_copy(update={"timeout_seconds": INFLUX_TIMEOUT_SECONDS})
        self.server = server
        self.record = record
        self.sink = InfluxSink(self._settings, record)

    def rows(self) -> list[Row]:
        return _sorted(
            [
                self._row(found.values)
                for found in self._ask('|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")')
            ]
        )

    def count(self) -> int:
        """Return the points, by a field that every record has in each."""
        number = next(f.name for f in self.record.schema if f.name in ("trade_count", "price"))
        [total] = self._ask(f'|> filter(fn: (r) => r._field == "{number}") |> group() |> count()')
        return int(total["_value"])

    def _ask(self, what: str) -> list[Any]:
        query = (
            f'from(bucket: "{self._settings.bucket}") |> range(start: 2000-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z)'
        )
        token, organisation = self._settings.token.get_secret_value(), self._settings.organisation
        with InfluxDBClient(self._settings.url, token=token, org=organisation) as client:
            tables = client.query_api().query(
                f'{query} |> filter(fn: (r) => r._measurement == "{self.record.measurement}") {what}'
            )
        return [found for table in tables for found in table.records]

    def _row(self, found: dict[str, Any]) -> Row:
        fields = found | {str(self.record.time_column): to_micros(found["_time"])}
        if "kafka_partition" in fields:
            fields["kafka_partition"] = int(fields["kafka_partition"])
        return decode(self.record, orjson.dumps({name: fields.get(name) for name in self.record.schema.names}))


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
        ends: list[int] = []

        def ends_are_told() -> bool:
            # A broker that has only just come back may not lead a partition yet.
            with suppress(KafkaException):
                ends[:] = [consumer.get_watermark_offsets(partition)[1] for partition in partitions]
            return len(ends) == len(partitions)

        until(ends_are_told)
        wanted = sum(ends)
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
    "table of quotes": lambda get: TableStore(get("fresh_database"), get("postgres_server"), STORED_QUOTE),
    "Redis bars": lambda get: RedisStore(get("fresh_redis"), get("redis_server"), BAR),
    "Redis prices": lambda get: RedisStore(get("fresh_redis"), get("redis_server"), STORED_TICK),
    "table of indicators": lambda get: TableStore(get("fresh_database"), get("postgres_server"), INDICATOR),
    "table of anomalies": lambda get: TableStore(get("fresh_database"), get("postgres_server"), ANOMALY),
    "Redis indicators": lambda get: RedisStore(get("fresh_redis"), get("redis_server"), INDICATOR),
    "table of predictions": lambda get: TableStore(get("fresh_database"), get("postgres_server"), PREDICTION),
    "Redis predictions": lambda get: RedisStore(get("fresh_redis"), get("redis_server"), PREDICTION),
    "topic of bars": lambda get: TopicStore(get("kafka_server"), get("topic_name"), BAR),
    "topic of indicators": lambda get: TopicStore(get("kafka_server"), get("topic_name"), INDICATOR),
    "topic of anomalies": lambda get: TopicStore(get("kafka_server"), get("topic_name"), ANOMALY),
    "topic of predictions": lambda get: TopicStore(get("kafka_server"), get("topic_name"), PREDICTION),
    "InfluxDB ticks": lambda get: InfluxStore(get("fresh_influxdb"), get("influxdb_server"), STORED_TICK),
    "InfluxDB bars": lambda get: InfluxStore(get("fresh_influxdb"), get("influxdb_server"), BAR),
    "InfluxDB indicators": lambda get: InfluxStore(get("fresh_influxdb"), get("influxdb_server"), INDICATOR),
    "InfluxDB anomalies": lambda get: InfluxStore(get("fresh_influxdb"), get("influxdb_server"), ANOMALY),
}
"""How to make each store from pytest's `getfixturevalue`."""
