"""Records, declared once; `schemas.spark` and `schemas.tables` derive Spark types and tables from them."""

from mdstream.schemas.records import BAR, DEAD_LETTER, STORED_TICK, TABLE_RECORDS, TICK, TOPIC_RECORDS, Record
from mdstream.schemas.windows import BarWindow, nest_windows

__all__ = [
    "BAR",
    "DEAD_LETTER",
    "STORED_TICK",
    "TABLE_RECORDS",
    "TICK",
    "TOPIC_RECORDS",
    "BarWindow",
    "Record",
    "nest_windows",
]
