"""Kafka records to bar revisions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import reduce
from operator import and_

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.schemas import BAR, Record
from mdstream.schemas.limits import ANY_TEXT, LAST_MICROSECOND, Reason
from mdstream.schemas.patterns import PATTERNS
from mdstream.schemas.spark import wire_schema
from mdstream.transforms.dead_letters import KAFKA_ENVELOPE, REJECT_REASON, envelope
from mdstream.transforms.reject_reasons import matches

_OF_KAFKA = ("value", "topic", "partition", "offset", "timestamp")


def to_bar_revisions(records: DataFrame) -> DataFrame:
    """Keep the Kafka records that are usable bar revisions.

    Args:
        records: Columns value (binary), topic and timestamp of Spark's Kafka source.

    Returns:
        Columns of BAR.

    Example:
        >>> from mdstream.testing import kafka_records
        >>> kafka_records(spark, [b"{}"], topic="aggregated_data").transform(to_bar_revisions).count()
        0
    """
    return with_bar_fields(records).where(F.col(REJECT_REASON).isNull()).select(*BAR.schema.names)


def to_newest_revisions(rows: DataFrame, record: Record) -> DataFrame:
    """Keep of each key the newest revision.

    Args:
        rows: Any columns, those of the record's key and its revision among them.
        record: What the rows are.

    Example:
        >>> from mdstream.testing import frame_of
        >>> revisions = frame_of(spark, BAR, [{"trade_count": 1}, {"trade_count": 3}, {"trade_count": 2}])
        >>> revisions.transform(to_newest_revisions, BAR).select("trade_count").collect()
        [Row(trade_count=3)]
    """
    newest = F.max_by(F.struct("*"), F.col(str(record.revision_column))).alias("newest")
    return rows.groupBy(*record.key).agg(newest).select("newest.*")


def with_bar_fields(records: DataFrame) -> DataFrame:
    """Parse Kafka records into bar revisions.

    Args:
        records: Columns value (binary), topic and timestamp of Spark's Kafka source, and any others, which stay.

    Returns:
        Columns of BAR and of the envelope, and `reject_reason`: null for a bar that every store can hold.

    Example:
        >>> from mdstream.testing import kafka_records
        >>> records = kafka_records(spark, [b"{}"], topic="aggregated_data")
        >>> records.transform(with_bar_fields).select("reject_reason").collect()
        [Row(reject_reason='not a bar')]
    """
    others = [name for name in records.columns if name not in _OF_KAFKA]
    parsed = records.select(_parsed(BAR), *envelope(), *others)
    fields = [_field(BAR, field).alias(field.name) for field in BAR.schema]
    reason = F.when(~_is_usable(BAR), Reason.NOT_A_RECORD.of(BAR.name)).alias(REJECT_REASON)
    return parsed.select(*fields, *KAFKA_ENVELOPE, *others, reason)


def with_records(records: DataFrame, kinds: Sequence[Record]) -> DataFrame:
    """Parse Kafka records of several topics, each into what its topic carries.

    Args:
        records: Columns value (binary), topic and timestamp of Spark's Kafka source.
        kinds: The records, each of a topic of its own.

    Returns:
        A column for each kind, named as the record is: a struct of its fields, null in all rows but its own; the
        envelope, and `reject_reason`: null for a record that every store can hold.

    Example:
        >>> from mdstream.schemas import ANOMALY
        >>> from mdstream.testing import kafka_records
        >>> records = kafka_records(spark, [b"{}"], topic="anomalies")
        >>> records.transform(with_records, [BAR, ANOMALY]).select("bar", "anomaly", "reject_reason").collect()
        [Row(bar=None, anomaly=None, reject_reason='not a anomaly')]
    """
    # What is asked of one topic is not parsed for another.
    own = [F.when(F.col("topic") == F.lit(kind.topic), _parsed(kind)).alias(kind.name) for kind in kinds]
    parsed = records.select(*own, *envelope())
    fields = {kind: F.struct(*(_field(kind, field).alias(field.name) for field in kind.schema)) for kind in kinds}
    structs = [F.when(_is_usable(kind), struct).alias(kind.name) for kind, struct in fields.items()]
    reasons = [
        F.when((F.col("topic") == F.lit(kind.topic)) & ~_is_usable(kind), Reason.NOT_A_RECORD.of(kind.name))
        for kind in kinds
    ]
    return parsed.select(*structs, *KAFKA_ENVELOPE, F.coalesce(*reasons).alias(REJECT_REASON))


def _parsed(record: Record) -> Column:
    """Return the fields of a value as JSON holds them."""
    return F.from_json(F.col("value").cast("string"), wire_schema(record)).alias(record.name)


def _named(record: Record, field: pa.Field) -> Column:
    return F.col(record.name).getField(field.name)


def _field(record: Record, field: pa.Field) -> Column:
    value = _named(record, field)
    return F.timestamp_micros(value) if pa.types.is_timestamp(field.type) else value


def _is_usable(record: Record) -> Column:
    """Return whether a parsed value is such a record, and can be stored; never null."""
    return reduce(and_, (_is_usable_field(_named(record, field), record, field) for field in record.schema))


def _is_usable_field(value: Column, record: Record, field: pa.Field) -> Column:
    if pa.types.is_timestamp(field.type):
        verdict = value.between(0, LAST_MICROSECOND)
    elif pa.types.is_floating(field.type):
        least = 0.0 if record.name == BAR.name else -sys.float_info.max
        verdict = value.between(least, sys.float_info.max)
    elif pa.types.is_integer(field.type):
        verdict = value >= 1
    elif pa.types.is_boolean(field.type):
        verdict = F.when(value.isNotNull(), True)
    else:
        verdict = matches(value, PATTERNS.get(field.name, ANY_TEXT))
    return F.coalesce(verdict, F.lit(field.nullable))
