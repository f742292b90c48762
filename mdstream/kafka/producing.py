"""Kafka's producer as feeds use it: idempotent, acknowledged by all replicas, bounded, every failure raised."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeAlias

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from mdstream.config import KafkaSettings
from mdstream.errors import DeliveryError
from mdstream.kafka.broker_watch import WithoutConnections
from mdstream.kafka.login import client_login
from mdstream.schemas.limits import MAX_DEAD_LETTER_BYTES

_QUEUED_MESSAGES = 100_000
_QUEUED_KIBIBYTES = 131_072
_LONGEST_RECONNECT_WAIT_MS = 1_000

Headers: TypeAlias = dict[str, str | bytes | None]
Client: TypeAlias = Producer
OnDelivery: TypeAlias = Callable[[KafkaError | None, Message], None]

logger = logging.getLogger(__name__)


class Outbox:
    """Puts records into the queue of a producer, and keeps the first that Kafka did not take.

    Args:
        settings: The broker and how to send to it.
        client: Kafka's producer, where several share one; see `open_client`.
    """

    def __init__(self, settings: KafkaSettings, client: Client | None = None) -> None:
        self._where = settings.bootstrap_servers
        self._failure: str | None = None
        self._producer = open_client(settings) if client is None else client

    def __len__(self) -> int:
        """Return how many records wait in the client, whoever put them there."""
        return len(self._producer)

    def noting(self, acknowledged: Callable[[], None]) -> OnDelivery:
        """Return what `put` is given for records of a kind: calls `acknowledged` once all replicas have one."""

        def note(error: KafkaError | None, message: Message) -> None:
            if error is None:
                acknowledged()
            else:
                self._fail(message.topic(), error)

        return note

    def put(
        self, topic: str, value: bytes, key: str | None, on_delivery: OnDelivery, headers: Headers | None = None
    ) -> bool:
        """Put a record into the queue; False if that is full.

        Args:
            topic: Where it goes.
            value: The record.
            key: Its key.
            on_delivery: Called by `poll` with what became of it; see `noting`.
            headers: Its headers.

        Raises:
            DeliveryError: Kafka did not take a record, this one or an earlier one.
        """
        try:
            self._producer.produce(topic, value, key, on_delivery=on_delivery, headers=headers)
        except BufferError:
            return False
        except KafkaException as exc:
            self._fail(topic, exc.args[0])
            self.raise_failure()
        return True

    def poll(self) -> None:
        """Take note of what has been acknowledged."""
        self._producer.poll(0)

    def raise_failure(self) -> None:
        """See that nothing has failed so far.

        Raises:
            DeliveryError: Kafka did not take a record.
        """
        if self._failure is not None:
            raise DeliveryError(self._failure)

    def _fail(self, topic: str | None, error: KafkaError) -> None:
        """Keep the first failure: those after it are mostly its consequences."""
        if self._failure is None:
            self._failure = f"Kafka at {self._where} did not take a record for {topic}: {error.str()}"


def open_client(settings: KafkaSettings) -> Client:
    """Return Kafka's own producer, for those of one event loop that share a connection and a queue."""
    configuration = {
        **client_login(settings),
        "client.id": "mdstream-ingest",
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",  # what Java's and Spark's producers use: a symbol has one partition
        "linger.ms": settings.linger_ms,
        "batch.size": settings.batch_size,
        "compression.type": settings.compression,
        "delivery.timeout.ms": settings.delivery_timeout_seconds * 1000,
        "reconnect.backoff.max.ms": _LONGEST_RECONNECT_WAIT_MS,
        "queue.buffering.max.messages": _QUEUED_MESSAGES,
        "queue.buffering.max.kbytes": _QUEUED_KIBIBYTES,
        "message.max.bytes": MAX_DEAD_LETTER_BYTES,
    }
    client_logger = logger.getChild("client")
    client_logger.filters = [WithoutConnections()]
    return Producer(configuration, logger=client_logger)
