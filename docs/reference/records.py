"""Every record, and the topics, tables and measurements that carry it."""

from __future__ import annotations

import pyarrow as pa

from docs.reference.markdown import code, prose, table
from mdstream.config import Settings
from mdstream.schemas import (
    ANOMALY,
    BAR,
    DEAD_LETTER,
    KAFKA_METRIC,
    LATENCY_METRIC,
    PREDICTION,
    QUOTE,
    STORED_QUOTE,
    STORED_TICK,
    TICK,
    Record,
)

_HEAD = """# Topics and tables

Every record is declared once; topics, tables, measurements and messages of the WebSocket server are made from the
declaration. Columns of indicators follow the configuration: below are those of the default one.

**In Kafka** a value is JSON, its key the symbol if it has one; a time is an integer, microseconds since 1970 in
UTC; what is null may be left out. **In TimescaleDB and PostgreSQL** times are `timestamptz`, and the natural key is
the primary key. **In files and frames** times are timestamps in UTC.

"""
_KINDS = {
    pa.string(): "text",
    pa.float64(): "number",
    pa.int64(): "integer",
    pa.int32(): "integer",
    pa.bool_(): "true or false",
    pa.list_(pa.string()): "list of text",
}


def records() -> tuple[Record, ...]:
    """Return all records, indicators as the default configuration has them."""
    indicators = Settings.model_construct().indicator_record
    of_bars = (BAR, indicators, ANOMALY, PREDICTION)
    return (TICK, STORED_TICK, QUOTE, STORED_QUOTE, *of_bars, DEAD_LETTER, LATENCY_METRIC, KAFKA_METRIC)


def page() -> str:
    """Return the page."""
    places = [
        (
            f"[{each.name}](#{_anchor(each)})",
            code(each.topic or ""),
            code(each.table or ""),
            code(each.measurement or ""),
        )
        for each in records()
    ]
    overview = table(["record", "topic", "table", "measurement of InfluxDB"], places)
    return "\n".join([f"{_HEAD}{overview}", *map(_described, records())])


def _described(record: Record) -> str:
    rows = [
        (code(field.name), _kind(field.type), "may be null" if field.nullable else "", prose(_comment(field)))
        for field in record.schema
    ]
    title = f"{record.name[0].upper()}{record.name[1:]}"
    return f"## {title}\n\n{_facts(record)}\n{table(['field', 'type', '', 'meaning'], rows)}"


def _facts(record: Record) -> str:
    facts = []
    if record.key:
        facts.append(f"Two with the same {', '.join(map(code, record.key))} are revisions of one thing.")
    if record.revision_column is not None:
        facts.append(f"One replaces another if its {code(record.revision_column)} is not smaller.")
    elif record.key:
        facts.append("The first one stays.")
    if record.time_column is not None:
        facts.append(f"{code(record.time_column)} places it in time: retention goes by it.")
    return "".join(f"{fact}\n" for fact in facts)


def _kind(kind: pa.DataType) -> str:
    return "time" if pa.types.is_timestamp(kind) else _KINDS[kind]


def _comment(field: pa.Field) -> str:
    comment: bytes = (field.metadata or {}).get(b"comment", b"")
    return comment.decode()


def _anchor(record: Record) -> str:
    return record.name.lower().replace(" ", "-")
