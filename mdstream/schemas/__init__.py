"""Records, declared once; `schemas.spark` derives Spark types from them, `stores.timescaledb` its tables."""

from mdstream.schemas.records import (
    ANOMALY,
    BAR,
    DEAD_LETTER,
    KAFKA_METRIC,
    LATENCY_METRIC,
    PREDICTION,
    QUOTE,
    SEVERITIES,
    STORED_QUOTE,
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
    "STORED_QUOTE",
    "STORED_TICK",
    "TICK",
    "BarWindow",
    "Record",
    "Rule",
    "group_windows",
]
