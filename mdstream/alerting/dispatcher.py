"""Decides which anomalies become alerts."""

from __future__ import annotations

import logging

from mdstream.alerting.alert import Alert, parse_alert
from mdstream.alerting.cooldown import Cooldown, Verdict
from mdstream.alerting.counts import AlertCounts, Withheld
from mdstream.alerting.sender import Done, Sender
from mdstream.config import AlertSettings
from mdstream.schemas import ANOMALY
from mdstream.schemas.checking import MalformedRecordError
from mdstream.telemetry.refused_records import RefusedRecords

logger = logging.getLogger(__name__)


class Dispatcher:
    """Takes anomalies one after another and hands on those that people are to be told of.

    Args:
        settings: Severities and age.
        cooldown: Which symbols and rules are quiet.
        sender: Takes the alerts.
        counts: Where decisions are counted.
        withheld: What is summed up in the next alert.
    """

    def __init__(
        self, settings: AlertSettings, cooldown: Cooldown, sender: Sender, counts: AlertCounts, withheld: Withheld
    ) -> None:
        self._settings = settings
        self._cooldown = cooldown
        self._sender = sender
        self._counts = counts
        self._withheld = withheld
        self._has_room = True
        self._refused = RefusedRecords(logger)

    def take(self, value: bytes | None, done: Done, place: str = "") -> None:
        """Handle one record of the topic of anomalies.

        Args:
            value: The record's JSON.
            done: Called as soon as the record need not be read again.
            place: Where it lies in the topic, for the log.
        """
        self._counts.read += 1
        try:
            alert = parse_alert(value)
        except MalformedRecordError as exc:
            self._counts.malformed += 1
            self._refused.note(str(exc), str(ANOMALY.topic), place)
            done()
            return
        if not self._is_queued(alert, done):
            done()

    def _is_queued(self, alert: Alert, done: Done) -> bool:
        if alert.withdrawn:
            self._counts.withdrawn += 1
            return False
        if alert.severity not in self._settings.severities:
            self._counts.not_severe += 1
            return False
        if alert.age_seconds > self._settings.max_age_seconds:
            self._counts.outdated += 1
            return False
        verdict = self._cooldown.claim(alert)
        if verdict is Verdict.REPEAT:
            self._counts.repeats += 1
        elif verdict is Verdict.QUIET:
            self._counts.held_back += self._withheld.add(alert, "held back")
        else:
            return self._is_taken(alert, done)
        return False

    def _is_taken(self, alert: Alert, done: Done) -> bool:
        taken = self._sender.offer(alert, done)
        if not taken:
            self._cooldown.release(alert)
            self._counts.dropped += self._withheld.add(alert, "dropped")
            if self._has_room:
                logger.error("%d alerts wait already; %s and more are dropped", self._settings.queue_size, alert.title)
        self._has_room = taken
        return taken
