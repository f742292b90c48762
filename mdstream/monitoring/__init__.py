"""What mdstream measures: every metric declared once."""

from mdstream.monitoring.declaration import CounterMetric, GaugeMetric, HistogramMetric, Metric

__all__ = ["CounterMetric", "GaugeMetric", "HistogramMetric", "Metric"]
