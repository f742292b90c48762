"""What is declared, and what prometheus-client makes of it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mdstream.telemetry import CounterMetric, GaugeMetric, HistogramMetric, Metric
from mdstream.telemetry.metrics import ALL_METRICS

_PACKAGE = Path(__file__).parents[3] / "mdstream"
_KINDS = {
    "Counter",
    "Gauge",
    "Histogram",
    "Summary",
    "CounterMetricFamily",
    "GaugeMetricFamily",
    "HistogramMetricFamily",
}


def test_the_names_that_users_build_on() -> None:
    declared = {metric.name: metric.labels for metric in ALL_METRICS}
    assert declared["tick_messages_received_total"] == ("symbol", "source")
    assert declared["kafka_consumer_lag"] == ("topic", "query")
    assert {"processing_latency_seconds", "messages_per_second", "ticks_late_total"} <= declared.keys()


def test_names_are_told_apart_and_follow_the_conventions_of_prometheus() -> None:
    names = [metric.name for metric in ALL_METRICS]
    assert len(set(names)) == len(names)
    for metric in ALL_METRICS:
        assert metric.name.endswith("_total") == isinstance(metric, CounterMetric), metric.name
        base = metric.name.removesuffix("_total")
        assert base.endswith("_seconds") == (metric.unit == "seconds"), metric.name
        assert base.endswith("_bytes") == (metric.unit == "bytes"), metric.name


@pytest.mark.parametrize("metric", ALL_METRICS, ids=lambda metric: metric.name)
def test_a_process_shows_a_metric_by_its_declared_name(metric: CounterMetric | GaugeMetric | HistogramMetric) -> None:
    registry = CollectorRegistry()
    made = metric.register(registry)
    if metric.labels:
        made.labels(*("x" for _ in metric.labels))
    (family, *_) = text_string_to_metric_families(generate_latest(registry).decode())
    names = {sample.name for sample in family.samples}
    if isinstance(metric, HistogramMetric):
        assert {f"{metric.name}_bucket", f"{metric.name}_sum", f"{metric.name}_count"} <= names
        limits = [sample.labels["le"] for sample in family.samples if sample.name.endswith("_bucket")]
        assert [float(limit) for limit in limits] == [*metric.buckets, float("inf")]
    else:
        assert metric.name in names
        family = metric.family()
        family.add_metric(["x" for _ in metric.labels], 3)
        assert [(sample.name, sample.value) for sample in family.samples] == [(metric.name, 3)]
    assert family.documentation == metric.meaning


def test_nobody_declares_a_metric_elsewhere() -> None:
    files = [file for file in _PACKAGE.rglob("*.py") if file != _PACKAGE / "telemetry" / "declaration.py"]
    assert len(files) > 100
    found = []
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("prometheus_client"):
                found += [(str(file), name.name) for name in node.names if name.name in _KINDS]
    assert found == []


def test_all_kinds_are_metrics() -> None:
    assert {type(metric) for metric in ALL_METRICS} == set(Metric.__subclasses__())
