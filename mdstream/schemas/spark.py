"""Spark types of the records."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from mdstream.schemas.records import Record


def spark_schema(record: Record) -> StructType:
    """Return the record's columns as a DataFrame holds them, times as timestamps.

    Example:
        >>> from mdstream.schemas import TICK
        >>> spark_schema(TICK)["event_time"].dataType.simpleString()
        'timestamp'
    """
    return from_arrow_schema(record.schema)


def wire_schema(record: Record) -> StructType:
    """Return the record's fields as JSON holds them: times as epoch microseconds, everything may be missing.

    Example:
        >>> from mdstream.schemas import TICK
        >>> wire_schema(TICK)["event_time"].dataType.simpleString()
        'bigint'
    """
    return from_arrow_schema(
        pa.schema(
            pa.field(field.name, pa.int64() if pa.types.is_timestamp(field.type) else field.type)
            for field in record.schema
        )
    )
