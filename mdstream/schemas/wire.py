"""JSON of the records, as Kafka and Redis carry it: times are integer epoch microseconds, UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import orjson
import pyarrow as pa

from mdstream.schemas.records import Record

VENDOR_HEADER = "vendor"
"""Header of the record of a bar that a vendor has built: the name of its feed. Bars of the live engine have none: their
indicators come with them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(time: datetime) -> int:
    """Return epoch microseconds of an aware datetime, exactly.

    Example:
        >>> to_micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
        1000000
    """
    return (time - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the UTC datetime of epoch microseconds, exactly.

    Raises:
        OverflowError: The year is outside 1 to 9999.

    Example:
        >>> from_micros(1_000_000).isoformat()
        '1970-01-01T00:00:01+00:00'
    """
    return _EPOCH + timedelta(microseconds=micros)


def encode(fields: Mapping[str, object]) -> bytes:
    """Return the JSON of one record's wire fields, leaving out those that are None.

    Example:
        >>> encode({"symbol": "AAPL", "price": 1.5, "exchange": None})
        b'{"symbol":"AAPL","price":1.5}'
    """
    return orjson.dumps({name: value for name, value in fields.items() if value is not None})


def wire_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with every time as epoch microseconds."""
    arrays = [column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def encode_batch(batch: pa.RecordBatch) -> list[bytes]:
    """Return one JSON value a row, with times as epoch microseconds and nulls left out."""
    return [encode(row) for row in wire_batch(batch).to_pylist()]


def decode(record: Record, value: bytes) -> dict[str, object]:
    """Return the fields of one JSON value with times as UTC datetimes; unknown fields are dropped.

    Raises:
        ValueError: The value is not a JSON object.
        OverflowError: A time is in no year from 1 to 9999.

    Example:
        >>> from mdstream.schemas import TICK
        >>> decode(TICK, b'{"symbol":"AAPL","event_time":1000000}')["event_time"].isoformat()
        '1970-01-01T00:00:01+00:00'
    """
    parsed = orjson.loads(value)
    if not isinstance(parsed, dict):
        raise ValueError(f"expected a JSON object for {record.one}, found {type(parsed).__name__}")
    return with_datetimes(record, parsed)


def with_datetimes(record: Record, fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a record, as `decode` does, of JSON that has been read already."""
    return {
        field.name: from_micros(found)
        if isinstance(found := fields.get(field.name), int) and pa.types.is_timestamp(field.type)
        else found
        for field in record.schema
    }
