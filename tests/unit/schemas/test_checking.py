"""What came is the record that was declared, or refused."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mdstream.schemas import ANOMALY, BAR, TICK, Record
from mdstream.schemas.checking import MalformedRecordError, RecordCheck
from tests.wrong_records import NO_RECORDS, RECORDS, good, wrong

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
by_name = pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)


@by_name
def test_a_record_is_read_as_it_is(record: Record) -> None:
    fields = good(record)
    without_nulls = {field.name: fields[field.name] for field in record.schema if not field.nullable}

    assert RecordCheck(record).read(orjson.dumps(fields)) == fields
    assert RecordCheck(record).read(orjson.dumps(without_nulls | {"of_a_later_version": [1]}))


@by_name
def test_every_wrong_field_is_named(record: Record) -> None:
    check = RecordCheck(record)
    tried = 0
    for what, fields in wrong(record):
        with pytest.raises(MalformedRecordError, match=r"expected|missing") as caught:
            check.check(fields)
        assert what.removeprefix("without ").partition("=")[0] in str(caught.value)
        assert len(str(caught.value)) < 300
        with pytest.raises(MalformedRecordError):
            check.read(json.dumps(fields).encode())
        tried += 1
    assert tried > 5 * len(record.schema)


@by_name
@pytest.mark.parametrize("value", [None, *NO_RECORDS], ids=lambda value: repr(value)[:20])
def test_what_is_no_record(record: Record, value: bytes | None) -> None:
    with pytest.raises(MalformedRecordError, match=record.name):
        RecordCheck(record).read(value)


@given(st.sampled_from(RECORDS), st.data())
def test_any_json_in_the_place_of_any_field(record: Record, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(record.schema.names), min_size=1, max_size=3))
    fields = good(record) | {name: data.draw(JSON) for name in names}
    try:
        found = RecordCheck(record).read(json.dumps(fields).encode())
    except MalformedRecordError:
        return
    kinds = {"symbol": str, "window": str, "severity": str, "window_start": int, "event_time": int, "trade_count": int}
    assert all(type(found[name]) is kind for name, kind in kinds.items() if name in record.schema.names)


@given(st.sampled_from(RECORDS), st.data())
def test_any_bytes_in_the_place_of_any_others(record: Record, data: st.DataObject) -> None:
    value = bytearray(orjson.dumps(good(record)))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(value) - 1))
        value[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    with suppress(MalformedRecordError):
        found = RecordCheck(record).read(bytes(value))
        assert {field.name for field in record.schema if not field.nullable} <= found.keys()


def test_what_json_has_no_number_for_is_null_where_null_may_be() -> None:
    found = RecordCheck(ANOMALY).check(good(ANOMALY, value="NaN", threshold="-Infinity"))

    assert (found["value"], found["threshold"]) == (None, None)
    with pytest.raises(MalformedRecordError, match="close of a bar is 'NaN'; expected a number"):
        RecordCheck(BAR).check(good(BAR, close="NaN"))


def test_a_number_that_cannot_be_written_again_is_none() -> None:
    with pytest.raises(
        MalformedRecordError, match="close of a bar is 1000000000000000000000000000000; expected a number"
    ):
        RecordCheck(BAR).check(good(BAR, close=10**30))


def test_a_record_of_tomorrow_is_none() -> None:
    at: Any = good(TICK)["event_time"]
    minute = 60_000_000
    check = RecordCheck(TICK)

    assert check.check(good(TICK, event_time=at + minute))
    with pytest.raises(MalformedRecordError, match="event_time"):
        check.check(good(TICK, event_time=at + 1441 * minute + minute))
