"""Reads a topic as a member of a consumer group, and commits what it is told to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from mdstream.config import KafkaSettings
from mdstream.errors import StoreError
from mdstream.kafka.broker_watch import WithoutConnections
from mdstream.kafka.login import client_login

logger = logging.getLogger(__name__)


class GroupRecord(NamedTuple):
    """A record as it came.

    Attributes:
        partition: Its partition.
        offset: Its offset there.
        value: What it is.
    """

    partition: int
    offset: int
    value: bytes | None


class GroupReader:
    """A member of a consumer group.

    Args:
        settings: The broker.
        topic: What is read.
        group: The group.
        client: What the broker calls this member.
        hand_over: Called before partitions go to another member: what is done may still be committed.
        give_up: Called with partitions that another member reads from now on.

    Raises:
        StoreError: Kafka's client cannot be made.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        group: str,
        client: str,
        hand_over: Callable[[], None],
        give_up: Callable[[Iterable[int]], None],
    ) -> None:
        self._where = settings.bootstrap_servers
        self._topic = topic
        self._hand_over = hand_over
        self._give_up = give_up
        client_logger = logger.getChild("client")
        client_logger.filters = [WithoutConnections()]
        self._consumer = Consumer(_configuration(settings, group, client), logger=client_logger)
        self._consumer.subscribe([topic], on_revoke=self._on_revoke, on_lost=self._on_lost)

    def read(self, count: int, seconds: float) -> list[GroupRecord]:
        """Return what is there, at most so many records, as soon as one comes; none after some seconds.

        Raises:
            StoreError: Kafka fails for good.
        """
        try:
            first = self._consumer.poll(seconds)
            # Asked at once for many, it would wait for as many until the time is over.
            messages = [first, *self._consumer.consume(count - 1, 0)] if first is not None else []
            return [record for message in messages if (record := _record_of(message)) is not None]
        except KafkaException as exc:
            raise StoreError(f"Kafka at {self._where}: {exc.args[0].str()}") from exc

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Keep how far partitions are done; what cannot be kept now is logged, and read again after a restart."""
        places = [TopicPartition(self._topic, number, offset) for number, offset in offsets.items()]
        if not places:
            return
        try:
            self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as exc:
            logger.warning("how far %s was read cannot be kept now: %s", self._topic, exc.args[0].str())

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._hand_over()
        self._on_lost(consumer, partitions)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._give_up(place.partition for place in partitions)


def _record_of(message: Message) -> GroupRecord | None:
    error = message.error()
    if error is not None:
        _raise_or_log(error)
        return None
    return GroupRecord(int(message.partition() or 0), int(message.offset() or 0), message.value())


def _raise_or_log(error: KafkaError) -> None:
    if error.fatal():
        raise KafkaException(error)
    logger.warning("Kafka: %s", error.str())


def _configuration(settings: KafkaSettings, group: str, client: str) -> dict[str, object]:
    return {
        **client_login(settings),
        "client.id": client,
        "group.id": group,
        "enable.auto.commit": False,
        # The partitions of a process that was killed are free for the next one after this.
        "session.timeout.ms": 10_000,
        # Without a commit so far: from the beginning.
        "auto.offset.reset": "earliest",
        "fetch.queue.backoff.ms": 10,
        "reconnect.backoff.max.ms": 1_000,
    }
