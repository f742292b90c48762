from __future__ import annotations

from dataclasses import fields

from prometheus_client import CollectorRegistry

from mdstream.alerting import AlertCounts
from mdstream.alerting.metrics import AlertMetrics


def test_every_count_is_shown() -> None:
    names = [field.name for field in fields(AlertCounts)]
    counts = AlertCounts(**{name: number for number, name in enumerate(names, 1)})
    registry = CollectorRegistry()
    registry.register(AlertMetrics(counts))

    shown = {
        sample.name + str(sample.labels): sample.value for family in registry.collect() for sample in family.samples
    }
    assert sorted(shown.values()) == list(range(1, len(names) + 1)), "each once"
    assert shown["alerts_total{'outcome': 'held_back'}"] == counts.held_back
    assert shown["alerts_total{'outcome': 'lost'}"] == counts.lost
    assert shown["alerts_waiting{}"] == counts.waiting
    assert shown["alerts_anomalies_read_total{}"] == counts.read
