"""What became of anomalies and alerts, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mdstream.alerting.counts import AlertCounts
from mdstream.telemetry import metrics

_OUTCOMES = ("malformed", "withdrawn", "not_severe", "outdated", "repeats", "held_back", "dropped", "sent", "lost")


class AlertMetrics(Collector):
    """Numbers that the service counts anyway, read when they are asked for.

    Args:
        counts: The service's.
    """

    def __init__(self, counts: AlertCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Return all numbers as they are now; called from the server's threads."""
        outcomes = metrics.ALERTS.family()
        for outcome in _OUTCOMES:
            outcomes.add_metric((outcome,), getattr(self._counts, outcome))
        yield outcomes
        for metric, value in (
            (metrics.ANOMALIES_READ, self._counts.read),
            (metrics.ALERTS_WAITING, self._counts.waiting),
            (metrics.ALERTS_FAILED_ATTEMPTS, self._counts.failed_attempts),
            (metrics.ALERTS_COOLDOWN_FAILURES, self._counts.cooldown_failures),
        ):
            family = metric.family()
            family.add_metric((), value)
            yield family
