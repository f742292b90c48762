"""Reads the topics for all clients, in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from typing import NamedTuple

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, Message, TopicPartition

from mdstream.config import KafkaSettings
from mdstream.config.serving import WebSocketSettings
from mdstream.kafka.login import client_login


class Arrival(NamedTuple):
    """A record as it came, and where it lies.

    Attributes:
        topic: Its topic.
        value: Its JSON.
        partition: Its partition.
        offset: Its offset there.
        received: When the broker got it, in epoch microseconds; below zero if it does not say.
    """

    topic: str
    value: bytes
    partition: int = -1
    offset: int = -1
    received: int = -1


_ANSWER_SECONDS = 2.0
_LOOK_SECONDS = 10.0
_LOOK_WHILE_DOWN_SECONDS = 0.5
_SILENT_SECONDS = 30.0
_WORDS = 100
_POLL_SECONDS = 0.2
_BATCH = 500
_GATHER_SECONDS = 0.002

logger = logging.getLogger(__name__)


class _NotAgain(logging.Filter):
    """Lets a word of Kafka's client through once in a while: it tells of an absent broker twenty times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        # Behind it is how long the attempt took.
        word, now = record.getMessage().partition(" (")[0], time.monotonic()
        if now < self._said.get(word, 0.0):
            return False
        if len(self._said) >= _WORDS:
            self._said.clear()
        self._said[word] = now + _SILENT_SECONDS
        return True


class TopicReader:
    """Reads topics from a little back on, and hands over what comes; commits nothing, belongs to no group.

    It starts without Kafka and goes on when Kafka is back, where it was; topics and partitions that are made later
    are found within ten seconds.

    Args:
        kafka: The broker.
        settings: How far back to begin.
        topics: What to read.
        deliver: Called with a batch; what comes meanwhile waits in Kafka.
        report: Called with None when Kafka answers, with the reason when it does not.
        caught_up: Set when all that was there at the start has been read.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: WebSocketSettings,
        topics: Iterable[str],
        deliver: Callable[[list[Arrival]], None],
        report: Callable[[str | None], None],
        caught_up: threading.Event,
    ) -> None:
        self._settings = settings
        self._topics = tuple(topics)
        self._deliver = deliver
        self._report = report
        self._caught_up = caught_up
        client_logger = logger.getChild("client")
        client_logger.filters = [_NotAgain()]
        self._consumer = Consumer(_configuration(kafka, self._note_error), logger=client_logger)
        self._assigned: set[tuple[str, int]] = set()
        self._unread: dict[tuple[str, int], int] = {}
        self._is_up: bool | None = None
        self._look_at = 0.0
        self._stop = threading.Event()

    def run(self) -> None:
        """Read until `stop` is called; called again after a failure it goes on where it was."""
        while not self._stop.is_set():
            if time.monotonic() >= self._look_at:
                self._look()
            if records := self._read():
                self._deliver(records)
            elif self._is_up and not self._caught_up.is_set() and self._has_read_all():
                self._caught_up.set()

    def stop(self) -> None:
        """Have it end soon."""
        self._stop.set()

    def close(self) -> None:
        """Leave Kafka, once `run` has returned."""
        self._consumer.close()

    def _read(self) -> list[Arrival]:
        first = self._consumer.poll(_POLL_SECONDS)
        if first is None:
            return []
        # A little patience makes batches, which cost less than records one by one.
        messages = [first, *self._consumer.consume(_BATCH, _GATHER_SECONDS)]
        return [record for message in messages if (record := _record_of(message)) is not None]

    def _look(self) -> None:
        """See whether Kafka answers, and read partitions that are new."""
        try:
            found = self._consumer.list_topics(timeout=_ANSWER_SECONDS).topics
            places = [
                TopicPartition(topic, partition)
                for topic in self._topics
                if topic in found and found[topic].error is None
                for partition in found[topic].partitions
                if (topic, partition) not in self._assigned
            ]
            if places:
                self._assign(places)
        except KafkaException as exc:
            self._set_up(exc.args[0].str())
            self._look_at = time.monotonic() + _LOOK_WHILE_DOWN_SECONDS
        else:
            self._set_up(None)
            self._look_at = time.monotonic() + _LOOK_SECONDS

    def _assign(self, places: list[TopicPartition]) -> None:
        """Read partitions too, from a little back on."""
        since = int((time.time() - self._settings.history_seconds) * 1_000)
        asked = [TopicPartition(place.topic, place.partition, since) for place in places]
        by_time = self._consumer.offsets_for_times(asked, timeout=_ANSWER_SECONDS)
        starts = []
        for place in by_time:
            low, high = self._consumer.get_watermark_offsets(place, timeout=_ANSWER_SECONDS)
            # Without a record since then the answer is below zero: the end.
            start = place.offset if place.offset >= 0 else high
            start = max(low, start, high - self._settings.history_records)
            starts.append(TopicPartition(place.topic, place.partition, start))
            if start < high:
                self._unread[place.topic, place.partition] = high
        self._consumer.incremental_assign(starts)
        self._assigned |= {(place.topic, place.partition) for place in starts}

    def _has_read_all(self) -> bool:
        positions = self._consumer.position([TopicPartition(*place) for place in self._unread])
        return all(place.offset >= self._unread[place.topic, place.partition] for place in positions)

    def _note_error(self, error: KafkaError) -> None:
        if error.name() == "_ALL_BROKERS_DOWN":
            # It may be old news.
            self._look_at = time.monotonic()

    def _set_up(self, problem: str | None) -> None:
        is_up = problem is None
        if is_up != self._is_up:
            self._is_up = is_up
            self._report(problem)


def _record_of(message: Message) -> Arrival | None:
    error = message.error()
    topic, value = message.topic(), message.value()
    if error is not None:
        logger.warning("Kafka: %s", error.str())
        return None
    if topic is None or value is None:
        return None
    # Zero is a partition and an offset.
    partition, offset = message.partition(), message.offset()
    kind, milliseconds = message.timestamp()
    return Arrival(
        topic,
        value,
        -1 if partition is None else partition,
        -1 if offset is None else offset,
        -1 if kind == TIMESTAMP_NOT_AVAILABLE else milliseconds * 1_000,
    )


def _configuration(kafka: KafkaSettings, error_callback: Callable[[KafkaError], None]) -> dict[str, object]:
    return {
        **client_login(kafka),
        "client.id": "mdstream-websocket",
        # Asked for by the client, though it joins no group.
        "group.id": f"mdstream-websocket-{uuid.uuid4()}",
        "enable.auto.commit": False,
        # A topic that was made anew has smaller offsets.
        "auto.offset.reset": "earliest",
        "fetch.queue.backoff.ms": 10,
        "reconnect.backoff.max.ms": 1_000,
        "socket.timeout.ms": 10_000,
        "error_cb": error_callback,
    }
