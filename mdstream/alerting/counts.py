"""What became of anomalies and alerts."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from mdstream.alerting.alert import Alert

_REMEMBERED = 10_000


@dataclass
class AlertCounts:
    """Counters of one process; each is written by one thread only.

    Attributes:
        read: Anomalies read from the topic.
        malformed: Of these, those that are no anomalies.
        withdrawn: Undone by late trades.
        not_severe: Of a severity that nobody is alerted of.
        outdated: Found too long ago.
        repeats: Further revisions of anomalies whose alert is sent or waits.
        held_back: Anomalies within the cooldown of an earlier alert, each counted once.
        dropped: Alerts for which the queue had no room.
        waiting: Alerts that wait for the channel now.
        sent: Alerts that the channel has taken.
        failed_attempts: Times that the channel took no alert.
        lost: Alerts that the channel refused, or did not take before they were too old.
        cooldown_failures: Times that Redis could not be asked.
    """

    read: int = 0
    malformed: int = 0
    withdrawn: int = 0
    not_severe: int = 0
    outdated: int = 0
    repeats: int = 0
    held_back: int = 0
    dropped: int = 0
    waiting: int = 0
    sent: int = 0
    failed_attempts: int = 0
    lost: int = 0
    cooldown_failures: int = 0


class Withheld:
    """The anomalies that nobody was told of, until the next alert sums them up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Each with its cause, and whether people know of it.
        self._anomalies: dict[tuple[str, str], bool] = {}
        self._said: list[tuple[str, str]] = []

    def add(self, alert: Alert, cause: str) -> bool:
        """Take note of an alert that is not sent; False if that was known: bars have many revisions."""
        key = (alert.sent_key, cause)
        with self._lock:
            if key in self._anomalies:
                return False
            if len(self._anomalies) >= _REMEMBERED:
                del self._anomalies[next(iter(self._anomalies))]
            self._anomalies[key] = False
            return True

    def summary_for(self, alert: Alert) -> str:
        """Return what is to be said with `alert` about others; empty if there is nothing.

        Example:
            >>> from datetime import UTC, datetime
            >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
            >>> withheld = Withheld()
            >>> withheld.add(Alert("AAPL", "price_spike", "high", "1min", noon, "up", noon), "held back")
            True
            >>> withheld.summary_for(Alert("MSFT", "price_spike", "high", "1min", noon, "up", noon))
            '1 more alert held back'
        """
        with self._lock:
            self._said = [anomaly for anomaly, told in self._anomalies.items() if not told]
        causes = [cause for key, cause in self._said if key != alert.sent_key]
        parts = [f"{causes.count(cause)} {cause}" for cause in dict.fromkeys(causes)]
        if not parts:
            return ""
        first, *others = parts
        number, _, cause = first.partition(" ")
        noun = "alert" if number == "1" else "alerts"
        return ", ".join([f"{number} more {noun} {cause}", *others])

    def summed_up(self) -> None:
        """Take note that people have the last summary."""
        with self._lock:
            self._anomalies.update((anomaly, True) for anomaly in self._said if anomaly in self._anomalies)
