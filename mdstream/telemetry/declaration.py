"""How a metric is declared, and what prometheus-client makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily


@dataclass(frozen=True)
class Metric:
    """What all kinds of metrics have in common.

    Attributes:
        name: As queries have it.
        meaning: What it says, for people.
        labels: By what its series differ.
        unit: Of its values.
    """

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    unit: str = "1"


@dataclass(frozen=True)
class CounterMetric(Metric):
    """Grows until its process ends; its name ends in `_total`."""

    def register(self, registry: CollectorRegistry | None = REGISTRY) -> Counter:
        """Return a counter that this process keeps.

        Example:
            >>> CounterMetric("ticks_total", "Ticks", ("source",)).register(None).labels("replay").inc()
        """
        return Counter(self.name, self.meaning, self.labels, registry=registry)

    def family(self) -> CounterMetricFamily:
        """Return series without values, for a collector that reads numbers kept elsewhere."""
        return CounterMetricFamily(self.name, self.meaning, labels=self.labels)


@dataclass(frozen=True)
class GaugeMetric(Metric):
    """A number that goes up and down."""

    def register(self, registry: CollectorRegistry | None = REGISTRY) -> Gauge:
        """Return a gauge that this process keeps."""
        return Gauge(self.name, self.meaning, self.labels, registry=registry)

    def family(self) -> GaugeMetricFamily:
        """Return series without values, for a collector that reads numbers kept elsewhere."""
        return GaugeMetricFamily(self.name, self.meaning, labels=self.labels)


@dataclass(frozen=True)
class HistogramMetric(Metric):
    """How values are spread: queries find it as `_bucket`, `_sum` and `_count`.

    Attributes:
        buckets: Upper limits of its buckets, in its unit.
    """

    buckets: tuple[float, ...] = ()

    def register(self, registry: CollectorRegistry | None = REGISTRY) -> Histogram:
        """Return a histogram that this process keeps."""
        return Histogram(self.name, self.meaning, self.labels, registry=registry, buckets=self.buckets)
