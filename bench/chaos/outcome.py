"""Reads what has come out: topics and tables as they are in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from confluent_kafka import Consumer, TopicPartition

from bench.chaos.model import BarKey
from mdstream.config import Settings
from mdstream.schemas import ANOMALY, BAR, STORED_TICK, Record
from mdstream.schemas.wire import from_micros, to_micros
from mdstream.stores.timescaledb.database_url import database_url
from mdstream.stores.timescaledb.definitions import table_of

Row = dict[str, Any]
_BATCH = 5_000
_ANSWER_SECONDS = 30
_LOOK_SECONDS = 1


@dataclass(frozen=True)
class Message:
    """A record of a topic."""

    partition: int
    offset: int
    value: bytes

    @property
    def fields(self) -> Row:
        found: Row = orjson.loads(self.value)
        return found


def read_topic(servers: str, topic: str) -> Iterator[Message]:
    """Yield all records of a topic, in order within each partition."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "chaos", "enable.auto.commit": False})
    try:
        known = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic].partitions
        for number in known:
            end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_ANSWER_SECONDS)[1]
            consumer.assign([TopicPartition(topic, number, 0)])
            next_offset = 0
            while next_offset < end:
                # Asked for more than there is, it waits until the time is over.
                for message in consumer.consume(min(_BATCH, end - next_offset), _LOOK_SECONDS):
                    if message.error() is None and int(message.offset() or 0) < end:
                        next_offset = int(message.offset() or 0) + 1
                        yield Message(number, next_offset - 1, message.value() or b"")
    finally:
        consumer.close()


def end_of(consumer: Consumer, topic: str) -> int:
    """Return how many records a topic has."""
    known = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic].partitions
    return sum(
        consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_ANSWER_SECONDS)[1] for number in known
    )


def bar_key(row: Mapping[str, Any]) -> BarKey:
    start = row["window_start"]
    return row["symbol"], row["window"], start if isinstance(start, int) else to_micros(start)


def newest(rows: Iterator[Row], *more: str) -> dict[tuple[Any, ...], Row]:
    """Return the newest revision of each bar's row: of equal ones the last."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = (*bar_key(row), *(row[name] for name in more))
        if key not in found or row["trade_count"] >= found[key]["trade_count"]:
            found[key] = row
    return found


class Tables:
    """The tables of the database."""

    def __init__(self, settings: Settings) -> None:
        self._engine = sa.create_engine(database_url(settings.stores.timescaledb))
        self._settings = settings

    def ticks(self) -> list[tuple[int, int, str, float, float, int]]:
        """Return partition, offset, symbol, price, size and event time of all ticks."""
        table = table_of(STORED_TICK).c
        columns = (table.kafka_partition, table.kafka_offset, table.symbol, table.price, table.size, table.event_time)
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(*columns))
            return [(row[0], row[1], row[2], row[3], row[4], to_micros(row[5])) for row in rows]

    def bars(self) -> list[Row]:
        return self._rows(BAR)

    def indicators(self) -> list[Row]:
        return self._rows(self._settings.indicator_record)

    def anomalies(self) -> list[Row]:
        return self._rows(ANOMALY)

    def count(self, record: Record) -> int:
        query = sa.select(sa.func.count()).select_from(table_of(record))
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def bars_with(self, event_time: int) -> int:
        """Return how many bars have a tick of that time, in microseconds, or a later one."""
        bars = table_of(BAR)
        query = sa.select(sa.func.count()).where(bars.c.last_event_time >= from_micros(event_time))
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def execute(self, statement: str, **values: object) -> int:
        """Change something, and return how many rows were."""
        with self._engine.begin() as connection:
            return connection.execute(sa.text(statement), values).rowcount

    def _rows(self, record: Record) -> list[Row]:
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(sa.select(table_of(record))).mappings()]
