"""Records as JSON into their Kafka topic."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from mdstream.clients import PerProcess
from mdstream.config import KafkaSettings
from mdstream.errors import InvalidInputError, SinkError, SinkUnavailableError
from mdstream.kafka.broker_watch import WithoutConnections
from mdstream.kafka.login import client_login
from mdstream.schemas import Record
from mdstream.schemas.batches import conform
from mdstream.schemas.limits import MAX_DEAD_LETTER_BYTES
from mdstream.schemas.wire import encode_batch

logger = logging.getLogger(__name__)
logger.addFilter(WithoutConnections())

_POLL_SECONDS = 0.05
_UNKNOWN_TOPIC = {"_UNKNOWN_TOPIC", "UNKNOWN_TOPIC_OR_PART"}
_PASSING = {
    "_MSG_TIMED_OUT",
    "_TIMED_OUT",
    "_TRANSPORT",
    "_ALL_BROKERS_DOWN",
    "_PURGE_QUEUE",
    "_PURGE_INFLIGHT",
    "_QUEUE_FULL",
    "NOT_ENOUGH_REPLICAS",
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
}
"""Names of errors that pass by themselves, besides those that librdkafka calls retriable."""


@dataclass(frozen=True)
class KafkaSink:
    """Sends one kind of record to its topic as JSON, with the symbol as key, in the order of the batch.

    `write` returns when all in-sync replicas have every row. A row that is sent again after a failure is in the
    topic twice: its readers take a revision only if it is newer.

    Attributes:
        settings: The broker.
        record: What is sent; it has a topic.

    Raises:
        InvalidInputError: The record does not travel through Kafka.
    """

    settings: KafkaSettings
    record: Record

    def __post_init__(self) -> None:
        if self.record.topic is None:
            raise InvalidInputError(f"{self.record.one} does not travel through Kafka")

    def write(self, batch: pa.RecordBatch) -> None:
        """Send the rows; see `mdstream.stores.Sink`.

        Raises:
            SinkUnavailableError: A row was not acknowledged within `delivery_timeout_seconds`.
            SinkError: The broker refused a row, or the topic is not there.
        """
        rows = conform(batch, self.record)
        if rows.num_rows == 0:
            return
        producer = _PRODUCERS.get(self.settings)
        delivery = _Delivery(producer, self.record.topic_name, self.settings.delivery_timeout_seconds)
        delivery.send(_keys(rows), encode_batch(rows))
        errors = delivery.wait()
        if errors:
            if any(error.fatal() for error in errors):
                _PRODUCERS.discard(self.settings, producer)
            raise self._explained(errors)

    def _explained(self, errors: list[KafkaError]) -> SinkError:
        error = next((error for error in errors if error.name() not in _PASSING), errors[0])
        where = f"Kafka at {self.settings.bootstrap_servers}, topic '{self.record.topic}'"
        if error.name() in _UNKNOWN_TOPIC:
            return SinkError(f"{where} is not there: {error.str()}; run `mdstream topics create`")
        if error.fatal() or error.retriable() or error.name() in _PASSING:
            return SinkUnavailableError(f"{where} did not acknowledge {len(errors)} records: {error.str()}")
        return SinkError(f"{where} refused {len(errors)} records: {error.str()}")


class _Delivery:
    """The records of one batch on their way."""

    def __init__(self, producer: Producer, topic: str, timeout_seconds: int) -> None:
        self._producer = producer
        self._topic = topic
        self._timeout_seconds = timeout_seconds
        self._sent = 0
        self._outcomes: list[KafkaError | None] = []

    def send(self, keys: Iterable[bytes | None], values: Iterable[bytes]) -> None:
        """Queue the records, up to the first that the producer refuses; `wait` has the reason."""
        note = self._note
        try:
            for key, value in zip(keys, values, strict=True):
                try:
                    self._producer.produce(self._topic, value, key, on_delivery=note)
                except BufferError:
                    self._send_when_there_is_room(key, value)
                self._sent += 1
        except KafkaException as exc:
            self._sent += 1
            self._outcomes.append(exc.args[0])

    def _send_when_there_is_room(self, key: bytes | None, value: bytes) -> None:
        deadline = time.monotonic() + self._timeout_seconds
        while time.monotonic() < deadline:
            self._producer.poll(_POLL_SECONDS)
            try:
                return self._producer.produce(self._topic, value, key, on_delivery=self._note)
            except BufferError:
                continue
        raise KafkaException(KafkaError(KafkaError._QUEUE_FULL))  # noqa: SLF001 - a public name

    def wait(self) -> list[KafkaError]:
        """Return the errors when all records are delivered or failed: librdkafka fails each in time."""
        while len(self._outcomes) < self._sent:
            self._producer.poll(_POLL_SECONDS)
        return [error for error in self._outcomes if error is not None]

    def _note(self, error: KafkaError | None, _message: Message) -> None:
        self._outcomes.append(error)


def _keys(rows: pa.RecordBatch) -> Iterator[bytes | None]:
    if "symbol" not in rows.schema.names:
        return iter([None] * rows.num_rows)
    return (symbol.encode() for symbol in rows.column("symbol").to_pylist())


def _open_producer(settings: KafkaSettings) -> Producer:
    return Producer(
        {
            **client_login(settings),
            "client.id": "mdstream",
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": settings.linger_ms,
            "batch.size": settings.batch_size,
            "compression.type": settings.compression,
            "delivery.timeout.ms": settings.delivery_timeout_seconds * 1000,
            # Spark and the Java client send a key to the same partition.
            "partitioner": "murmur2_random",
            "message.max.bytes": 2 * MAX_DEAD_LETTER_BYTES,
            "topic.metadata.propagation.max.ms": 10_000,
            "logger": logger,
        }
    )


_PRODUCERS: PerProcess[KafkaSettings, Producer] = PerProcess(_open_producer)
