"""What every process says of itself: metrics, each declared once, the form of its log, servers that are away."""

from mdstream.errors import brought_by

with brought_by("jobs"):
    from mdstream.telemetry.declaration import CounterMetric, GaugeMetric, HistogramMetric, Metric

__all__ = ["CounterMetric", "GaugeMetric", "HistogramMetric", "Metric"]
