"""Reads anomalies from Kafka until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from functools import partial

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from mdstream.alerting.channels import Channel
from mdstream.alerting.cooldown import Cooldown
from mdstream.alerting.counts import AlertCounts, Withheld
from mdstream.alerting.dispatcher import Dispatcher
from mdstream.alerting.offsets import HandledOffsets
from mdstream.alerting.sender import Sender
from mdstream.config import KafkaSettings, Settings
from mdstream.errors import AlertError
from mdstream.kafka.broker_watch import WithoutConnections, watched_broker
from mdstream.kafka.login import client_login
from mdstream.schemas import ANOMALY

_ANSWER_SECONDS = 10
_POLL_SECONDS = 0.5
_BATCH = 500
_COMMIT_SECONDS = 1.0
_FINISH_SECONDS = 10.0

logger = logging.getLogger(__name__)


class AlertService:
    """Turns the topic of anomalies into alerts.

    A record is committed once its alert is sent or given up, or it needs none. An alert is sent at least once: again
    only if the process was killed between sending it and keeping that in Redis.

    Args:
        settings: Kafka, Redis and alerts.
        channel: Where alerts go.
        topic: The topic to read.

    Attributes:
        counts: What became of anomalies and alerts.
    """

    def __init__(self, settings: Settings, channel: Channel, topic: str = str(ANOMALY.topic)) -> None:
        self.counts = AlertCounts()
        self._kafka = settings.kafka
        self._group = settings.alerts.consumer_group
        self._topic = topic
        self._offsets = HandledOffsets()
        withheld = Withheld()
        cooldown = Cooldown(settings.alerts.cooldown_seconds, settings.stores.redis, self.counts)
        self._sender = Sender(channel, cooldown, settings.alerts, self.counts, withheld)
        self._dispatcher = Dispatcher(settings.alerts, cooldown, self._sender, self.counts, withheld)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; then send what waits, for ten seconds at most, and commit.

        Raises:
            AlertError: The topic is not there, or Kafka does not answer when this starts, or fails for good.
        """
        _require_topic(self._kafka, self._topic)
        client_logger = logger.getChild("client")
        client_logger.filters = [WithoutConnections()]
        consumer = Consumer(self._configuration(), logger=client_logger)
        try:
            consumer.subscribe([self._topic], on_revoke=self._hand_over, on_lost=self._give_up)
            with watched_broker(self._kafka):
                self._work(consumer, stop)
        except KafkaException as exc:
            raise AlertError(f"Kafka at {self._kafka.bootstrap_servers}: {exc.args[0].str()}") from exc
        finally:
            consumer.close()

    def _work(self, consumer: Consumer, stop: threading.Event) -> None:
        sending = self._sender.start()
        try:
            self._read(consumer, stop, sending)
        finally:
            self._sender.stop(_FINISH_SECONDS)
            sending.result()
            self._commit(consumer)

    def _read(self, consumer: Consumer, stop: threading.Event, sending: Future[None]) -> None:
        commit_at = time.monotonic() + _COMMIT_SECONDS
        while not stop.is_set() and not sending.done():
            for message in consumer.consume(_BATCH, _POLL_SECONDS):
                self._handle(message)
            if time.monotonic() >= commit_at:
                self._commit(consumer)
                commit_at = time.monotonic() + _COMMIT_SECONDS

    def _handle(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            _raise_or_log(error)
            return
        place = (int(message.partition() or 0), int(message.offset() or 0))
        self._offsets.begin(*place)
        done = partial(self._offsets.settle, *place)
        self._dispatcher.take(message.value(), done, f"partition {place[0]} offset {place[1]}")

    def _commit(self, consumer: Consumer) -> None:
        offsets = [TopicPartition(self._topic, number, offset) for number, offset in self._offsets.take_new().items()]
        if not offsets:
            return
        try:
            consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as exc:
            # What is not committed is read again after a restart, and the cooldown knows it.
            logger.warning("how far %s was read cannot be kept now: %s", self._topic, exc.args[0].str())

    def _hand_over(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._commit(consumer)
        self._give_up(consumer, partitions)

    def _give_up(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        self._offsets.forget(place.partition for place in partitions)

    def _configuration(self) -> dict[str, object]:
        return {
            **client_login(self._kafka),
            "client.id": "mdstream-alerts",
            "group.id": self._group,
            "enable.auto.commit": False,
            # The partitions of a process that was killed are free for the next one after this.
            "session.timeout.ms": 10_000,
            # Without a commit so far: anomalies that are too old are left out by their age.
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 10,
            "reconnect.backoff.max.ms": 1_000,
        }


def _require_topic(settings: KafkaSettings, topic: str) -> None:
    # Silent: what it has to say is in the error below.
    client = AdminClient({**client_login(settings), "log_level": 0})
    try:
        found = client.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic]
    except KafkaException as exc:
        raise AlertError(
            f"Kafka at {settings.bootstrap_servers} does not answer: {exc.args[0].str()}; is it running, and is "
            "kafka.bootstrap_servers (MDSTREAM_KAFKA__BOOTSTRAP_SERVERS) right?"
        ) from exc
    if found.error is not None:
        raise AlertError(f"topic {topic} cannot be read: {found.error.str()}; 'mdstream topics create' makes it")


def _raise_or_log(error: KafkaError) -> None:
    if error.fatal():
        raise KafkaException(error)
    logger.warning("Kafka: %s", error.str())
