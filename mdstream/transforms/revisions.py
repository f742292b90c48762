"""Kafka records to bar revisions."""

from __future__ import annotations

from functools import reduce
from operator import or_

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mdstream.schemas import BAR
from mdstream.schemas.limits import Reason
from mdstream.schemas.spark import wire_schema
from mdstream.transforms.dead_letters import KAFKA_ENVELOPE, REJECT_REASON, envelope


def with_bar_fields(records: DataFrame) -> DataFrame:
    """Parse Kafka records into bar revisions.

    Args:
        records: Columns value (binary), topic and timestamp of Spark's Kafka source.

    Returns:
        Columns of BAR and of the envelope, and `reject_reason`: null for a bar.

    Example:
        >>> records.transform(with_bar_fields)  # doctest: +SKIP
    """
    parsed = records.select(F.from_json(F.col("value").cast("string"), wire_schema(BAR)).alias("bar"), *envelope())
    fields = [
        (
            F.timestamp_micros(f"bar.{field.name}") if pa.types.is_timestamp(field.type) else F.col(f"bar.{field.name}")
        ).alias(field.name)
        for field in BAR.schema
    ]
    required = [F.col(field.name).isNull() for field in BAR.schema if not field.nullable]
    return parsed.select(*fields, *KAFKA_ENVELOPE).withColumn(
        REJECT_REASON, F.when(reduce(or_, required), Reason.NOT_A_BAR.of())
    )
