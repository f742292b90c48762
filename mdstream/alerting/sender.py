"""Sends alerts one after another, in a thread of its own, however long the channel takes."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum, auto

from mdstream.alerting.alert import Alert
from mdstream.alerting.channels import Channel
from mdstream.alerting.cooldown import Cooldown
from mdstream.alerting.counts import AlertCounts, Withheld
from mdstream.config import AlertSettings
from mdstream.errors import AlertDelayedError, AlertError

_POLL_SECONDS = 0.2

Done = Callable[[], None]
"""Called once an alert is settled: sent, or given up for good."""

logger = logging.getLogger(__name__)


class _Outcome(Enum):
    SENT = auto()
    LOST = auto()
    STOPPED = auto()


class Sender:
    """The queue in front of a channel, and the thread that empties it.

    After a failure the next attempt waits: as long as the channel asked for, else twice as long each time. An alert
    that the channel has not taken when it is `max_age_seconds` old is lost, and so is one that it refuses.

    Args:
        channel: Where alerts go.
        cooldown: Is told which alerts were sent and which were not.
        settings: Length of the queue, waits and age.
        counts: Where outcomes are counted.
        withheld: What is summed up in the next alert.
    """

    def __init__(
        self, channel: Channel, cooldown: Cooldown, settings: AlertSettings, counts: AlertCounts, withheld: Withheld
    ) -> None:
        self._channel = channel
        self._cooldown = cooldown
        self._settings = settings
        self._counts = counts
        self._withheld = withheld
        self._queue: queue.Queue[tuple[Alert, Done]] = queue.Queue(settings.queue_size)
        self._stopping = threading.Event()
        self._ends_at = float("inf")
        self._free_at = 0.0
        self._failures = 0

    def start(self) -> Future[None]:
        """Start the thread; the future ends when it does, with whatever error ended it."""
        executor = ThreadPoolExecutor(1, thread_name_prefix="alerts")
        thread = executor.submit(self._run)
        executor.shutdown(wait=False)
        return thread

    def offer(self, alert: Alert, done: Done) -> bool:
        """Put a claimed alert into the queue; False if that is full."""
        try:
            self._queue.put_nowait((alert, done))
        except queue.Full:
            return False
        self._counts.waiting = self._queue.qsize()
        return True

    def stop(self, seconds: float) -> None:
        """Let the thread send what waits, without waiting for a channel that is away, and then end.

        Args:
            seconds: After this no further alert is begun. Those left are released and not done: the next start
                reads them again.
        """
        self._ends_at = time.monotonic() + seconds
        self._stopping.set()

    def _run(self) -> None:
        while True:
            try:
                alert, done = self._queue.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                if self._stopping.is_set():
                    return
                continue
            self._settle(alert, done, self._deliver(alert))
            self._counts.waiting = self._queue.qsize()

    def _settle(self, alert: Alert, done: Done, outcome: _Outcome) -> None:
        if outcome is _Outcome.SENT:
            self._counts.sent += 1
            self._cooldown.keep(alert)
        else:
            self._cooldown.release(alert)
        if outcome is _Outcome.LOST:
            self._counts.lost += 1
            self._withheld.add(alert, "lost")
        if outcome is not _Outcome.STOPPED:
            done()

    def _deliver(self, alert: Alert) -> _Outcome:
        while self._wait_for_channel(alert):
            summary = self._withheld.summary_for(alert)
            try:
                self._channel.send(alert, summary)
            except AlertDelayedError as exc:
                wait = self._back_off(exc.retry_after)
                logger.warning(
                    "%s not sent to %s: %s; next attempt in %.1f s", alert.title, self._channel.name, exc, wait
                )
            except AlertError as exc:
                wait = self._back_off(None)
                logger.error("%s is lost: %s; next alert in %.1f s", alert.title, exc, wait)  # noqa: TRY400 - no bug
                return _Outcome.LOST
            else:
                self._failures = 0
                self._withheld.summed_up()
                return _Outcome.SENT
        if self._stopping.is_set():
            return _Outcome.STOPPED
        logger.error("%s is lost: not sent within %d s", alert.title, self._settings.max_age_seconds)
        return _Outcome.LOST

    def _wait_for_channel(self, alert: Alert) -> bool:
        """Wait until the channel may be tried; False if that would be too late for the alert, or for a stop."""
        too_old_at = time.monotonic() + self._settings.max_age_seconds - alert.age_seconds
        if self._stopping.wait(max(0.0, min(self._free_at, too_old_at) - time.monotonic())):
            return self._free_at <= time.monotonic() < self._ends_at
        return time.monotonic() < too_old_at

    def _back_off(self, asked_for: float | None) -> float:
        """Return how long the channel is left alone after a failure, and do so."""
        self._counts.failed_attempts += 1
        doubled = self._settings.first_retry_seconds * 2 ** min(self._failures, 30)
        wait = min(doubled, self._settings.longest_retry_seconds) if asked_for is None else asked_for
        self._failures += 1
        self._free_at = time.monotonic() + wait
        return wait
