"""Frames of any record from the few fields that matter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from mdstream.errors import InvalidInputError, did_you_mean
from mdstream.schemas import TICK, Record
from mdstream.schemas.records import TIME

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_OPENING = datetime(2026, 1, 2, 14, 30, tzinfo=UTC)
"""A moment at which the market of New York opens, and windows of 1, 5 and 15 minutes begin."""

_MADE_UP = {"symbol": "AAPL", "window": "1min", "rule": "price_spike", "severity": "low", "model_version": "naive"}


def table_of(record: Record, rows: Iterable[Mapping[str, object]] = ()) -> pa.Table:
    """Return an Arrow table of records.

    Args:
        record: What the rows are: `mdstream.schemas.TICK`, `BAR`, `ANOMALY` or any other.
        rows: Fields by name. One that is left out is null where that may be, else made up: numbers 1, texts their
            field's name or the like, times the opening of a session (2026-01-02 14:30 UTC).

    Raises:
        InvalidInputError: The record has no such field, or its type is another.

    Example:
        >>> from mdstream.schemas import BAR
        >>> table_of(BAR, [{"close": 230.5}]).select(["symbol", "window", "close"]).to_pylist()
        [{'symbol': 'AAPL', 'window': '1min', 'close': 230.5}]
    """
    complete = [_complete(record, row) for row in rows]
    try:
        return pa.Table.from_pylist(complete, schema=record.schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as exc:
        raise InvalidInputError(f"{record.one} cannot have this: {exc}") from exc


def frame_of(spark: SparkSession, record: Record, rows: Iterable[Mapping[str, object]] = ()) -> DataFrame:
    """Return a Spark frame of records, see `table_of`; without rows an empty one.

    Args:
        spark: Any session, classic or Connect.
        record: What the rows are.
        rows: Fields by name.

    Raises:
        InvalidInputError: The record has no such field, or its type is another.

    Example:
        >>> from mdstream.schemas import BAR
        >>> frame_of(spark, BAR, [{"close": 230.5}]).select("symbol", "close").collect()
        [Row(symbol='AAPL', close=230.5)]
    """
    held = list(rows)
    # Of a table without rows Spark Connect 4.0 does not find the types.
    frame = spark.createDataFrame(table_of(record, held or [{}]))
    return frame if held else frame.limit(0)


def kafka_records(spark: SparkSession, values: Iterable[bytes | None], topic: str = TICK.topic_name) -> DataFrame:
    """Return records as Spark's Kafka source gives them: value, topic, partition, offset and timestamp.

    Args:
        spark: Any session, classic or Connect.
        values: What the records hold. Their offsets are their places, in partition 0.
        topic: Where they are from.

    Example:
        >>> kafka_records(spark, [b"{}"]).select("topic", "partition", "offset").collect()
        [Row(topic='tick_data', partition=0, offset=0)]
    """
    given = list(values)
    held = given or [None]
    columns = {
        "value": pa.array(held, pa.binary()),
        "topic": pa.array([topic] * len(held), pa.string()),
        "partition": pa.array([0] * len(held), pa.int32()),
        "offset": pa.array(range(len(held)), pa.int64()),
        "timestamp": pa.array([_OPENING] * len(held), TIME),
    }
    frame = spark.createDataFrame(pa.table(columns))
    return frame if given else frame.limit(0)


def _complete(record: Record, row: Mapping[str, object]) -> dict[str, object]:
    unknown = [name for name in row if name not in record.schema.names]
    if unknown:
        raise InvalidInputError(
            f"{record.one} has no field {unknown[0]}; {did_you_mean(unknown[0], record.schema.names)}"
        )
    return {field.name: row.get(field.name, _usual(field)) for field in record.schema}


def _usual(field: pa.Field) -> object:
    if field.nullable:
        return None
    if pa.types.is_timestamp(field.type):
        return _OPENING
    if pa.types.is_boolean(field.type):
        return False
    return _MADE_UP.get(field.name, field.name) if pa.types.is_string(field.type) else 1
