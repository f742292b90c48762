"""Ticks, bars and dead letters into Kafka: idempotent, acknowledged by all replicas, every failure raised."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from mdstream.config import KafkaSettings
from mdstream.errors import DeliveryError
from mdstream.feeds.base import FeedBatch
from mdstream.feeds.rejects import encode_dead_letter
from mdstream.kafka.broker_watch import WithoutConnections
from mdstream.kafka.login import client_login
from mdstream.schemas import BAR, DEAD_LETTER, TICK
from mdstream.schemas.limits import MAX_DEAD_LETTER_BYTES, kind_of
from mdstream.schemas.wire import VENDOR_HEADER, encode

_QUEUED_MESSAGES = 100_000
_QUEUED_KIBIBYTES = 131_072
_QUEUE_FULL_WAIT_SECONDS = 0.005
_FLUSH_WAIT_SECONDS = 0.02
_LONGEST_RECONNECT_WAIT_MS = 1_000

_Headers: TypeAlias = dict[str, str | bytes | None]
_OnDelivery: TypeAlias = Callable[[KafkaError | None, Message], None]

logger = logging.getLogger(__name__)


@dataclass
class Counts:
    """What went to Kafka.

    Attributes:
        sent: Ticks handed to the producer.
        acknowledged: Ticks that all replicas have.
        bars_sent: Revisions of bars handed to the producer.
        bars_acknowledged: Revisions of bars that all replicas have.
        dead_letters: Dead letters handed to the producer, by the stable part of their reason.
        dead_letters_acknowledged: Dead letters that all replicas have.
    """

    sent: int = 0
    acknowledged: int = 0
    bars_sent: int = 0
    bars_acknowledged: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    dead_letters_acknowledged: int = 0

    @property
    def waiting(self) -> int:
        """Messages that are sent and not acknowledged."""
        sent = self.sent + self.bars_sent + self.dead_letters.total()
        return sent - self.acknowledged - self.bars_acknowledged - self.dead_letters_acknowledged


class TickProducer:
    """Sends what a feed delivers.

    The queue is bounded: when Kafka is slower than the feed, `send` waits. Ticks of a symbol keep their order,
    and so do its bars.
    Not for several tasks at once.

    Args:
        settings: The broker and how to send to it.
        source: The feed, as dead letters name it.
        tick_topic: Where ticks go.
        bar_topic: Where bars go.
        dead_letter_topic: Where input goes that cannot be used.
        client: Kafka's producer, where several feeds share one; see `open_client`.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        source: str,
        *,
        tick_topic: str = str(TICK.topic),
        bar_topic: str = str(BAR.topic),
        dead_letter_topic: str = str(DEAD_LETTER.topic),
        client: Producer | None = None,
    ) -> None:
        self.counts = Counts()
        self._settings = settings
        self._source = source
        self._tick_topic = tick_topic
        self._bar_topic = bar_topic
        self._dead_letter_topic = dead_letter_topic
        self._failure: str | None = None
        self._producer = open_client(settings) if client is None else client

    async def send(self, batch: FeedBatch) -> None:
        """Hand over the ticks, bars and rejects of a batch, waiting while the queue is full.

        Raises:
            DeliveryError: Kafka did not take a message, this one or an earlier one.
        """
        for tick in batch.ticks:
            value, key = encode(tick), tick["symbol"]
            while not self._queue(self._tick_topic, value, key, self._on_tick):
                await self._wait_for_room()
            self.counts.sent += 1
        headers: _Headers = {VENDOR_HEADER: self._source.encode()}
        for bar in batch.bars:
            value, key = encode(bar), bar["symbol"]
            while not self._queue(self._bar_topic, value, key, self._on_bar, headers):
                await self._wait_for_room()
            self.counts.bars_sent += 1
        for reject in batch.rejects:
            value = encode_dead_letter(reject, self._source, time.time_ns() // 1000)
            while not self._queue(self._dead_letter_topic, value, None, self._on_dead_letter):
                await self._wait_for_room()
            self.counts.dead_letters[kind_of(reject.reason)] += 1
        self.poll()

    def poll(self) -> None:
        """Take note of what has been acknowledged. To be called often while nothing is sent.

        Raises:
            DeliveryError: Kafka did not take a message.
        """
        self._producer.poll(0)
        self._raise_failure()

    async def flush(self) -> None:
        """Wait until all that was sent here is acknowledged or has failed: no longer than the delivery timeout.

        Raises:
            DeliveryError: Kafka did not take a message.
        """
        while len(self._producer) and self.counts.waiting:
            self._producer.poll(0)
            await asyncio.sleep(_FLUSH_WAIT_SECONDS)
        self._producer.poll(0)
        self._raise_failure()

    def _queue(
        self,
        topic: str,
        value: bytes,
        key: str | None,
        on_delivery: _OnDelivery,
        headers: _Headers | None = None,
    ) -> bool:
        """Put a message into the queue; False if that is full."""
        try:
            self._producer.produce(topic, value, key, on_delivery=on_delivery, headers=headers)
        except BufferError:
            return False
        except KafkaException as exc:
            self._fail(topic, exc.args[0])
            self._raise_failure()
        return True

    async def _wait_for_room(self) -> None:
        self.poll()
        await asyncio.sleep(_QUEUE_FULL_WAIT_SECONDS)

    def _on_tick(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.counts.acknowledged += 1
        else:
            self._fail(message.topic(), error)

    def _on_bar(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.counts.bars_acknowledged += 1
        else:
            self._fail(message.topic(), error)

    def _on_dead_letter(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.counts.dead_letters_acknowledged += 1
        else:
            self._fail(message.topic(), error)

    def _fail(self, topic: str | None, error: KafkaError) -> None:
        """Keep the first failure: those after it are mostly its consequences."""
        if self._failure is None:
            self._failure = (
                f"Kafka at {self._settings.bootstrap_servers} did not take a record for {topic}: {error.str()}"
            )

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise DeliveryError(self._failure)


def open_client(settings: KafkaSettings) -> Producer:
    """Return Kafka's own producer, for `TickProducer`s of one event loop that share a connection and a queue."""
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
