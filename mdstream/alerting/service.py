"""Reads anomalies from Kafka until it is stopped."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from functools import partial

from mdstream.alerting.channels import Channel
from mdstream.alerting.cooldown import Cooldown
from mdstream.alerting.counts import AlertCounts, Withheld
from mdstream.alerting.dispatcher import Dispatcher
from mdstream.alerting.offsets import HandledOffsets
from mdstream.alerting.sender import Sender
from mdstream.config import Settings
from mdstream.errors import AlertError, StoreError
from mdstream.kafka.broker_watch import watched_broker
from mdstream.kafka.group import GroupReader, GroupRecord
from mdstream.kafka.requiring import require_topic
from mdstream.schemas import ANOMALY

_ANSWER_SECONDS = 10
_POLL_SECONDS = 0.5
_BATCH = 500
_COMMIT_SECONDS = 1.0
_FINISH_SECONDS = 10.0


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
        try:
            require_topic(self._kafka, self._topic, _ANSWER_SECONDS)
            self._reader = GroupReader(
                self._kafka, self._topic, self._group, "mdstream-alerts", self._commit, self._offsets.forget
            )
            try:
                with watched_broker(self._kafka):
                    self._work(stop)
            finally:
                self._reader.close()
        except StoreError as exc:
            raise AlertError(str(exc)) from exc

    def _work(self, stop: threading.Event) -> None:
        sending = self._sender.start()
        try:
            self._read(stop, sending)
        finally:
            self._sender.stop(_FINISH_SECONDS)
            sending.result()
            self._commit()

    def _read(self, stop: threading.Event, sending: Future[None]) -> None:
        commit_at = time.monotonic() + _COMMIT_SECONDS
        while not stop.is_set() and not sending.done():
            for record in self._reader.read(_BATCH, _POLL_SECONDS):
                self._handle(record)
            if time.monotonic() >= commit_at:
                self._commit()
                commit_at = time.monotonic() + _COMMIT_SECONDS

    def _handle(self, record: GroupRecord) -> None:
        place = (record.partition, record.offset)
        self._offsets.begin(*place)
        done = partial(self._offsets.settle, *place)
        self._dispatcher.take(record.value, done, f"partition {place[0]} offset {place[1]}")

    def _commit(self) -> None:
        # What is not committed is read again after a restart, and the cooldown knows it.
        self._reader.commit(self._offsets.take_new())
