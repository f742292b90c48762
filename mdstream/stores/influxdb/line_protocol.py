"""Rows as points of InfluxDB, in line protocol."""

from __future__ import annotations

import pyarrow as pa

from mdstream.errors import SinkError
from mdstream.schemas import Record
from mdstream.schemas.wire import wire_batch

_SOURCE = "source"
_OFFSET = "kafka_offset"
_NANOSECONDS = 1000
"""In a microsecond, the unit of all our times."""


def tag_columns(record: Record) -> list[str]:
    """Return the columns that become tags: what tells points of one time apart, and where they come from.

    Example:
        >>> from mdstream.schemas import ANOMALY, STORED_TICK
        >>> tag_columns(ANOMALY), tag_columns(STORED_TICK)
        (['symbol', 'window', 'rule'], ['symbol', 'kafka_partition', 'source'])
    """
    tags = [name for name in record.key if name not in (record.time_column, _OFFSET)]
    return [*tags, _SOURCE] if _SOURCE in record.schema.names and _SOURCE not in tags else tags


def lines(rows: pa.RecordBatch, record: Record) -> list[str]:
    """Return one line a row, with its own time; times in fields are epoch microseconds, lists are joined by commas.

    InfluxDB keeps one point a time and set of tags. Ticks of a symbol may be equal in both, so the last three digits
    of a tick's nanoseconds, which no source has, are those of its Kafka offset: of 1,000 that follow each other in
    a partition none takes another's place, and each has its place again when it is written again.

    Raises:
        SinkError: A value cannot be written in line protocol.
    """
    from influxdb_client import Point

    tags = tag_columns(record)
    fields = [name for name in record.schema.names if name not in (*tags, record.time_column)]
    written = []
    for row in wire_batch(rows).to_pylist():
        point = Point(record.measurement).time(time_of(row, record))
        for name in tags:
            point.tag(name, row[name])
        for name in fields:
            point.field(name, _joined(row[name]))
        try:
            written.append(point.to_line_protocol())
        except ValueError as exc:
            raise SinkError(f"{record.one} cannot be written in line protocol: {exc}") from exc
    return written


def time_of(wire_row: dict[str, int], record: Record) -> int:
    """Return the time of a row's point, in nanoseconds; the row's times are epoch microseconds."""
    time = wire_row[str(record.time_column)] * _NANOSECONDS
    return time + wire_row[_OFFSET] % _NANOSECONDS if _OFFSET in record.key else time


def _joined(value: object) -> object:
    return ",".join(map(str, value)) if isinstance(value, list) else value
