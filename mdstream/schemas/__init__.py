"""Records, declared once; `schemas.spark` and `schemas.tables` derive Spark types and tables from them."""

from mdstream.schemas.records import (
    ANOMALY,
    BAR,
    DEAD_LETTER,
    SEVERITIES,
    STORED_TICK,
    TABLE_RECORDS,
    TICK,
    TOPIC_RECORDS,
    Record,
)
from mdstream.schemas.windows import BarWindow, nest_windows

__all__ = [
    "ANOMALY",
    "BAR",
    "DEAD_LETTER",
    "SEVERITIES",
    "STORED_TICK",
    "TABLE_RECORDS",
    "TICK",
    "TOPIC_RECORDS",
    "BarWindow",
    "Record",
    "nest_windows",
]
