"""Records, declared once; `schemas.spark` and `schemas.tables` derive Spark types and tables from them."""

from mdstream.schemas.records import (
    ANOMALY,
    BAR,
    DEAD_LETTER,
    KAFKA_METRIC,
    LATENCY_METRIC,
    PREDICTION,
    QUOTE,
    SEVERITIES,
    STORED_TICK,
    TICK,
    Record,
)
from mdstream.schemas.rules import Rule
from mdstream.schemas.windows import BarWindow, group_windows

__all__ = [
    "ANOMALY",
    "BAR",
    "DEAD_LETTER",
    "KAFKA_METRIC",
    "LATENCY_METRIC",
    "PREDICTION",
    "QUOTE",
    "SEVERITIES",
    "STORED_TICK",
    "TICK",
    "BarWindow",
    "Record",
    "Rule",
    "group_windows",
]
