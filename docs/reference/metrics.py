"""Every metric, by the process that serves it first."""

from __future__ import annotations

from docs.reference.markdown import code, prose, table
from mdstream.telemetry import CounterMetric, GaugeMetric, HistogramMetric, Metric
from mdstream.telemetry.metrics import ALL_METRICS

_HEAD = """# Metrics

For Prometheus, at `/metrics` of the REST API and the WebSocket server, of `mdstream metrics`, and of `ingest`,
`run` and `alerts` with `--metrics-port`: [measure it](../how-to/measure.md). Names and labels are what the
dashboards in `conf/grafana` and the alerts in `conf/prometheus/rules.yml` are built on.

A histogram is asked for as `_bucket`, `_sum` and `_count`. Counters begin at 0 with their process.

"""
_KINDS = {CounterMetric: "counter", GaugeMetric: "gauge", HistogramMetric: "histogram"}


def page() -> str:
    """Return the page."""
    head = ["metric", "labels", "kind", "unit", "meaning"]
    rows = [
        (code(each.name), ", ".join(map(code, each.labels)), _KINDS[type(each)], _unit(each), prose(each.meaning))
        for each in ALL_METRICS
    ]
    buckets = [
        (code(each.name), ", ".join(f"{limit:g}" for limit in each.buckets))
        for each in ALL_METRICS
        if isinstance(each, HistogramMetric)
    ]
    return f"{_HEAD}{table(head, rows)}\n## Buckets\n\n{table(['histogram', 'upper limits'], buckets)}"


def _unit(metric: Metric) -> str:
    return "" if metric.unit == "1" else metric.unit
