"""What mdstream measures: every metric declared once, and served for Prometheus."""

from mdstream.errors import brought_by

with brought_by("jobs"):
    from mdstream.monitoring.declaration import CounterMetric, GaugeMetric, HistogramMetric, Metric
    from mdstream.monitoring.server import serve_metrics

__all__ = ["CounterMetric", "GaugeMetric", "HistogramMetric", "Metric", "serve_metrics"]
