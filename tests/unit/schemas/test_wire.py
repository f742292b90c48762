from __future__ import annotations

import calendar
import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.schemas import BAR, DEAD_LETTER, STORED_TICK, TICK, Record
from mdstream.schemas.wire import decode, encode, encode_batch, from_micros, to_micros, wire_batch

VALUES: dict[pa.DataType, st.SearchStrategy[object]] = {
    pa.string(): st.text(),
    pa.float64(): st.floats(allow_nan=False, allow_infinity=False),
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.list_(pa.string()): st.lists(st.text(), max_size=3),
    pa.timestamp("us", tz="UTC"): st.datetimes(timezones=st.just(UTC)),
}


def rows_of(record: Record) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            field.name: VALUES[field.type] | st.none() if field.nullable else VALUES[field.type]
            for field in record.schema
        }
    )


def micros(moment: datetime) -> int:
    """Epoch microseconds by the calendar, without floats."""
    return calendar.timegm(moment.timetuple()) * 1_000_000 + moment.microsecond


@pytest.mark.parametrize("record", [TICK, STORED_TICK, BAR, DEAD_LETTER], ids=lambda record: record.name)
@given(data=st.data())
def test_what_is_written_is_read(record: Record, data: st.DataObject) -> None:
    rows = data.draw(st.lists(rows_of(record), max_size=4))
    batch = pa.RecordBatch.from_pylist(rows, schema=record.schema)

    encoded = encode_batch(batch)

    assert [decode(record, value) for value in encoded] == rows
    for row, value in zip(rows, encoded, strict=True):
        # What any other JSON reader makes of it: nulls are left out, times are exact integers.
        assert json.loads(value) == {
            name: micros(field) if isinstance(field, datetime) else field
            for name, field in row.items()
            if field is not None
        }


@given(st.datetimes(timezones=st.just(UTC)))
def test_times_are_exact(moment: datetime) -> None:
    assert to_micros(moment) == micros(moment)
    assert from_micros(micros(moment)) == moment


def test_times_that_floats_would_round() -> None:
    # 2^53 microseconds are in the year 2255.
    assert to_micros(datetime(2255, 6, 5, 23, 47, 34, 740_993, tzinfo=UTC)) == 2**53 + 1
    assert to_micros(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


@pytest.mark.parametrize("value", [2**62, -(2**62), 2**63 - 1])
def test_times_outside_the_calendar(value: int) -> None:
    with pytest.raises(OverflowError):
        from_micros(value)
    with pytest.raises(OverflowError):
        decode(TICK, b'{"event_time":%d}' % value)


def test_one_tick_byte_for_byte() -> None:
    row = dict.fromkeys(TICK.schema.names) | {
        "symbol": "BTC/USD",
        "price": 0.1,
        "size": 1.0,
        "event_time": datetime(2013, 10, 7, 13, 30, 0, 1, tzinfo=UTC),
        "exchange": "Zürich",
        "conditions": [],
    }

    [value] = encode_batch(pa.RecordBatch.from_pylist([row], schema=TICK.schema))

    assert value.decode() == (
        '{"symbol":"BTC/USD","price":0.1,"size":1.0,"event_time":1381152600000001,"exchange":"Zürich","conditions":[]}'
    )


def test_an_empty_batch() -> None:
    assert encode_batch(pa.RecordBatch.from_pylist([], schema=BAR.schema)) == []


def test_a_wire_batch_has_integers_for_times() -> None:
    kinds = {field.name: field.type for field in wire_batch(pa.RecordBatch.from_pylist([], schema=BAR.schema)).schema}

    assert kinds["window_start"] == kinds["last_ingest_time"] == pa.int64()
    assert kinds["symbol"] == pa.string()


def test_reads_what_is_there_and_nothing_else() -> None:
    fields = decode(TICK, b'{"symbol":"AAPL","event_time":null,"unheard_of":1}')

    assert fields == dict.fromkeys(TICK.schema.names) | {"symbol": "AAPL"}


def test_leaves_wrong_types_to_who_checks_them() -> None:
    assert decode(TICK, b'{"event_time":"noon","price":"dear"}')["event_time"] == "noon"


@pytest.mark.parametrize("value", [b"", b"[]", b"1", b"null", b'"text"', b"{", b"\xff", b'{"a":1}{"b":2}'])
def test_refuses_what_is_no_object(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(TICK, value)


def test_encode_leaves_out_what_is_none_only() -> None:
    assert encode({"a": None, "b": 0, "c": "", "d": [], "e": False}) == b'{"b":0,"c":"","d":[],"e":false}'
