"""What mdstream measures: every metric declared once."""

from mdstream.errors import brought_by

with brought_by("jobs"):
    from mdstream.monitoring.declaration import CounterMetric, GaugeMetric, HistogramMetric, Metric

__all__ = ["CounterMetric", "GaugeMetric", "HistogramMetric", "Metric"]
