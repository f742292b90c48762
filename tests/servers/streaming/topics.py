"""The topics of a test of its own: ticks are put into one, and bars come out of the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from mdstream.config import KafkaSettings
from mdstream.schemas import BAR
from mdstream.schemas.wire import decode, encode
from tests.waiting import until

Row = dict[str, Any]

_SECONDS = 180


@dataclass
class TestTopics:
    """A topic of ticks and one of bars, with two partitions each."""

    __test__ = False

    settings: KafkaSettings
    ticks: str
    bars: str
    indicators: str = ""
    _read: list[Row] = field(default_factory=list)
    _indicators_read: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        servers = {"bootstrap.servers": self.settings.bootstrap_servers}
        self._producer = Producer(servers)
        self._consumer = Consumer({**servers, "group.id": self.bars, "enable.auto.commit": False})
        topics = [self.bars, *filter(None, [self.indicators])]
        self._consumer.assign([TopicPartition(topic, partition, 0) for topic in topics for partition in range(2)])

    def close(self) -> None:
        self._consumer.close()

    def put(self, partition: int, *values: bytes | Row) -> None:
        """Put ticks or any bytes into a partition; they are there when this returns."""
        for value in values:
            self._producer.produce(
                self.ticks, value if isinstance(value, bytes) else encode(value), partition=partition
            )
        assert self._producer.flush(60) == 0

    def newest(self) -> dict[tuple[object, ...], Row]:
        """The newest revision of each bar so far, by its key."""
        self._poll()
        return _newest(self._read)

    def newest_indicators(self) -> dict[tuple[object, ...], Row]:
        """The indicators of the newest revision of each bar so far, by its key; those that came last of equal ones."""
        self._poll()
        return _newest(self._indicators_read)

    def _poll(self) -> None:
        while messages := self._consumer.consume(500, 0.2):
            assert not any(message.error() for message in messages)
            for message in messages:
                if message.topic() == self.bars:
                    self._read.append(decode(BAR, message.value() or b""))
                else:
                    self._indicators_read.append(orjson.loads(message.value() or b""))

    def await_bars(self, expected: dict[tuple[object, ...], Row]) -> None:
        """Return when the newest revisions are those expected."""
        until(lambda: self.newest() == expected, _SECONDS)

    def await_trades(self, count: int, window: str = "1min") -> None:
        """Return when the newest revisions hold that many trades."""
        until(lambda: trades(self.newest().values(), window) >= count, _SECONDS)


def trades(bars: Iterable[Row], window: str = "1min") -> int:
    return sum(int(bar["trade_count"]) for bar in bars if bar["window"] == window)


def _newest(rows: Iterable[Row]) -> dict[tuple[object, ...], Row]:
    newest: dict[tuple[object, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in BAR.key)
        if row["trade_count"] >= newest.get(key, row)["trade_count"]:
            newest[key] = row
    return newest
