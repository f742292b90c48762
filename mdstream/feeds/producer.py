"""Ticks, bars, quotes and dead letters into Kafka: idempotent, acknowledged by all replicas, every failure raised."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from mdstream.config import KafkaSettings
from mdstream.feeds.base import FeedBatch
from mdstream.feeds.rejects import encode_dead_letter
from mdstream.kafka.producing import Client, Headers, Outbox
from mdstream.schemas import BAR, DEAD_LETTER, QUOTE, TICK
from mdstream.schemas.limits import kind_of
from mdstream.schemas.wire import VENDOR_HEADER, encode

_QUEUE_FULL_WAIT_SECONDS = 0.005
_FLUSH_WAIT_SECONDS = 0.02


@dataclass
class Counts:
    """What went to Kafka.

    Attributes:
        sent: Ticks handed to the producer.
        acknowledged: Ticks that all replicas have.
        bars_sent: Revisions of bars handed to the producer.
        bars_acknowledged: Revisions of bars that all replicas have.
        quotes_sent: Quotes handed to the producer.
        quotes_acknowledged: Quotes that all replicas have.
        dead_letters: Dead letters handed to the producer, by the stable part of their reason.
        dead_letters_acknowledged: Dead letters that all replicas have.
    """

    sent: int = 0
    acknowledged: int = 0
    bars_sent: int = 0
    bars_acknowledged: int = 0
    quotes_sent: int = 0
    quotes_acknowledged: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    dead_letters_acknowledged: int = 0

    @property
    def waiting(self) -> int:
        """Messages that are sent and not acknowledged."""
        return (
            self.records_sent + self.dead_letters.total() - self.records_acknowledged - self.dead_letters_acknowledged
        )

    @property
    def records_sent(self) -> int:
        """Ticks, bars and quotes handed to the producer."""
        return self.sent + self.bars_sent + self.quotes_sent

    @property
    def records_acknowledged(self) -> int:
        """Those of them that all replicas have."""
        return self.acknowledged + self.bars_acknowledged + self.quotes_acknowledged


class TickProducer:
    """Sends what a feed delivers.

    The queue is bounded: when Kafka is slower than the feed, `send` waits. Ticks of a symbol keep their order,
    and so do its bars and its quotes.
    Not for several tasks at once.

    Args:
        settings: The broker and how to send to it.
        source: The feed, as dead letters name it.
        tick_topic: Where ticks go.
        bar_topic: Where bars go.
        quote_topic: Where quotes go.
        dead_letter_topic: Where input goes that cannot be used.
        client: Kafka's producer, where several feeds share one; see `open_client`.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        source: str,
        *,
        tick_topic: str = TICK.topic_name,
        bar_topic: str = BAR.topic_name,
        quote_topic: str = QUOTE.topic_name,
        dead_letter_topic: str = DEAD_LETTER.topic_name,
        client: Client | None = None,
    ) -> None:
        self.counts = Counts()
        self._source = source
        self._tick_topic = tick_topic
        self._bar_topic = bar_topic
        self._quote_topic = quote_topic
        self._dead_letter_topic = dead_letter_topic
        self._outbox = self._open(settings, client)
        self._note_tick = self._outbox.noting(self._on_tick)
        self._note_bar = self._outbox.noting(self._on_bar)
        self._note_quote = self._outbox.noting(self._on_quote)
        self._note_dead_letter = self._outbox.noting(self._on_dead_letter)

    def _open(self, settings: KafkaSettings, client: Client | None) -> Outbox:
        return Outbox(settings, client)

    async def send(self, batch: FeedBatch) -> None:
        """Hand over the ticks, bars, quotes and rejects of a batch, waiting while the queue is full.

        Raises:
            DeliveryError: Kafka did not take a message, this one or an earlier one.
        """
        for tick in batch.ticks:
            value, key = encode(tick), tick["symbol"]
            while not self._outbox.put(self._tick_topic, value, key, self._note_tick):
                await self._wait_for_room()
            self.counts.sent += 1
        headers: Headers = {VENDOR_HEADER: self._source.encode()}
        for bar in batch.bars:
            value, key = encode(bar), bar["symbol"]
            while not self._outbox.put(self._bar_topic, value, key, self._note_bar, headers):
                await self._wait_for_room()
            self.counts.bars_sent += 1
        for quote in batch.quotes:
            value, key = encode(quote), quote["symbol"]
            while not self._outbox.put(self._quote_topic, value, key, self._note_quote):
                await self._wait_for_room()
            self.counts.quotes_sent += 1
        for reject in batch.rejects:
            value = encode_dead_letter(reject, self._source, time.time_ns() // 1000)
            while not self._outbox.put(self._dead_letter_topic, value, None, self._note_dead_letter):
                await self._wait_for_room()
            self.counts.dead_letters[kind_of(reject.reason)] += 1
        self.poll()

    def poll(self) -> None:
        """Take note of what has been acknowledged. To be called often while nothing is sent.

        Raises:
            DeliveryError: Kafka did not take a message.
        """
        self._outbox.poll()
        self._outbox.raise_failure()

    async def flush(self) -> None:
        """Wait until all that was sent here is acknowledged or has failed: no longer than the delivery timeout.

        Raises:
            DeliveryError: Kafka did not take a message.
        """
        while len(self._outbox) and self.counts.waiting:
            self._outbox.poll()
            await asyncio.sleep(_FLUSH_WAIT_SECONDS)
        self._outbox.poll()
        self._outbox.raise_failure()

    async def _wait_for_room(self) -> None:
        self.poll()
        await asyncio.sleep(_QUEUE_FULL_WAIT_SECONDS)

    def _on_tick(self) -> None:
        self.counts.acknowledged += 1

    def _on_bar(self) -> None:
        self.counts.bars_acknowledged += 1

    def _on_quote(self) -> None:
        self.counts.quotes_acknowledged += 1

    def _on_dead_letter(self) -> None:
        self.counts.dead_letters_acknowledged += 1
