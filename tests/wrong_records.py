"""Records as declared, and every way in which a field of one can be wrong: made from the declarations."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from mdstream.config import Settings
from mdstream.schemas import ANOMALY, BAR, PREDICTION, QUOTE, TICK, Record

INDICATORS = Settings().indicator_record
RECORDS = (TICK, BAR, INDICATORS, ANOMALY, PREDICTION, QUOTE)
"""What our topics bring to those that serve and alert."""

_TEXTS = {"symbol": "AAPL", "window": "1min", "rule": "volume_spike", "severity": "high"}
_FAR = 2**62
_LONG = "A" * 3_000_000


def good(record: Record, **changes: object) -> dict[str, Any]:
    """Return the fields of a record as its topic has them."""
    return {field.name: _value(field) for field in record.schema} | changes


def wrong(record: Record) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield records of which one field is wrong, with words that name them."""
    for field in record.schema:
        for value in _wrong_values(field):
            yield f"{field.name}={json.dumps(value)[:20]}", good(record, **{field.name: value})
        if not field.nullable:
            yield f"without {field.name}", {k: v for k, v in good(record).items() if k != field.name}


NO_RECORDS = (b"", b"\xff", b"[]", b"3", b"null", b"{}", b"{", b"[" * 100_000, b'{"symbol":"\\ud800"}', b" " * 70_000)
"""Values that are no records of any kind."""


def _value(field: pa.Field) -> Any:  # noqa: ANN401 any JSON
    if field.name in _TEXTS:
        return _TEXTS[field.name]
    if pa.types.is_timestamp(field.type):
        return time.time_ns() // 60_000_000_000 * 60_000_000
    if pa.types.is_list(field.type):
        return ["@"]
    return {pa.string(): "text", pa.float64(): 1.5, pa.int64(): 3, pa.bool_(): False}[field.type]


def _wrong_values(field: pa.Field) -> Iterator[object]:
    yield from ({}, {"a": 1}, [1], [[]], -0.5 if not pa.types.is_floating(field.type) else "1.5")
    if not field.nullable:
        yield None
    if not pa.types.is_boolean(field.type):
        yield True
    if pa.types.is_timestamp(field.type):
        yield from (_FAR, -_FAR, -1, 10**30, "2026-01-02T12:00:00Z", "x")
    elif pa.types.is_integer(field.type):
        yield from (10**30, "3")
    elif pa.types.is_string(field.type) and field.name in _TEXTS:
        yield from (_LONG, "A B\n", "é\x00")
