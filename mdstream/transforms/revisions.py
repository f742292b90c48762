"""Kafka records to bar revisions."""

from __future__ import annotations

import sys
from functools import reduce
from operator import and_

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.schemas import BAR, Record
from mdstream.schemas.limits import LAST_MICROSECOND, SYMBOL_PATTERN, TEXT_PATTERN, Reason
from mdstream.schemas.spark import wire_schema
from mdstream.transforms.dead_letters import KAFKA_ENVELOPE, REJECT_REASON, envelope
from mdstream.transforms.reject_reasons import matches


def to_bar_revisions(records: DataFrame) -> DataFrame:
    """Keep the Kafka records that are usable bar revisions.

    Args:
        records: Columns value (binary), topic and timestamp of Spark's Kafka source.

    Returns:
        Columns of BAR.

    Example:
        >>> records.transform(to_bar_revisions)  # doctest: +SKIP
    """
    return with_bar_fields(records).where(F.col(REJECT_REASON).isNull()).select(*BAR.schema.names)


def to_newest_revisions(rows: DataFrame, record: Record) -> DataFrame:
    """Keep of each key the newest revision.

    Args:
        rows: Any columns, those of the record's key and its revision among them.
        record: What the rows are.

    Example:
        >>> revisions.transform(to_newest_revisions, BAR)  # doctest: +SKIP
    """
    newest = F.max_by(F.struct("*"), F.col(str(record.revision_column))).alias("newest")
    return rows.groupBy(*record.key).agg(newest).select("newest.*")


def with_bar_fields(records: DataFrame) -> DataFrame:
    """Parse Kafka records into bar revisions.

    Args:
        records: Columns value (binary), topic and timestamp of Spark's Kafka source.

    Returns:
        Columns of BAR and of the envelope, and `reject_reason`: null for a bar that every store can hold.

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
    is_bar = reduce(and_, map(_is_usable, BAR.schema))
    return parsed.select(*fields, *KAFKA_ENVELOPE, F.when(~is_bar, Reason.NOT_A_BAR.of()).alias(REJECT_REASON))


def _is_usable(field: pa.Field) -> Column:
    """Return whether a field of a parsed bar can be stored; never null."""
    value = F.col(f"bar.{field.name}")
    if pa.types.is_timestamp(field.type):
        verdict = value.between(0, LAST_MICROSECOND)
    elif pa.types.is_floating(field.type):
        verdict = value.between(0, sys.float_info.max)
    elif pa.types.is_integer(field.type):
        verdict = value >= 1
    else:
        verdict = matches(value, SYMBOL_PATTERN if field.name == "symbol" else TEXT_PATTERN)
    return F.coalesce(verdict, F.lit(field.nullable))
