"""What the live engine reads of a tick by itself is what the columns read; what it cannot read it leaves to them."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from mdstream.schemas import TICK
from mdstream.schemas.wire import to_micros
from mdstream.streaming.live_engine import TICK_LIMITS, engine_of
from mdstream.transforms.ticks import TICK_JSON
from tests.unit.transforms.examples import examples_of
from tests.unit.transforms.records import GOOD, RECEIVED_MICROS, outcomes_of, payload
from tests.unit.transforms.test_any_record import anything, damaged_ticks, fields
from tests.unit.transforms.test_ticks import ACCEPTED

TIMES = ("event_time", "ingest_time")


class PlainReader:
    """The engine's reader, asked from here."""

    def __init__(self, spark: SparkSession) -> None:
        engine_of(spark)
        jvm: Any = spark._jvm
        options = jvm.java.util.HashMap()
        for name, limit in TICK_LIMITS.items():
            options.put(name, str(limit))
        limits = jvm.mdstream.engine.TickLimits.of(jvm.org.apache.spark.sql.util.CaseInsensitiveStringMap(options))
        schema = jvm.org.apache.spark.sql.types.DataType.fromJson(TICK_JSON.json())
        self._reader = jvm.mdstream.engine.TickReader(schema, limits)
        self._names = TICK_JSON.names

    def read(self, value: bytes | None) -> dict[str, Any] | None:
        row = self._reader.read(value)
        if row is None:
            return None
        tick: dict[str, Any] = {}
        for place, name in enumerate(self._names):
            if row.isNullAt(place):
                tick[name] = None
            elif name in ("price", "size"):
                tick[name] = row.getDouble(place)
            elif name in (*TIMES, "sequence"):
                tick[name] = row.getLong(place)
            elif name == "conditions":
                codes = row.getArray(place)
                tick[name] = [str(codes.getUTF8String(number)) for number in range(codes.numElements())]
            else:
                tick[name] = str(row.getUTF8String(place))
        return tick


@pytest.fixture(scope="module")
def reader(spark: SparkSession) -> PlainReader:
    return PlainReader(spark)


def _assert_equal(spark: SparkSession, reader: PlainReader, values: list[bytes | None]) -> int:
    """Hold each record that the engine reads to the columns'; return how many it reads."""
    read = 0
    for value, outcome in zip(values, outcomes_of(spark, values), strict=True):
        plain = reader.read(value)
        if plain is None:
            continue
        read += 1
        assert plain.pop("unreadable") is None
        if outcome.tick is None:
            # Times are judged by the columns, for what the engine reads too.
            assert any(name in str(outcome.reason) for name in TIMES), (value, outcome.reason)
            continue
        plain["ingest_time"] = plain["ingest_time"] or RECEIVED_MICROS
        stored = {name: outcome.tick[name] for name in TICK.schema.names}
        assert plain == {**stored, **{name: to_micros(stored[name]) for name in TIMES}}, value
    return read


def test_ticks_as_our_feeds_write_them_are_read(spark: SparkSession, reader: PlainReader) -> None:
    full = {
        "symbol": "BRK.B",
        "price": 421.07,
        "size": 100,
        "event_time": RECEIVED_MICROS,
        "source": "massive",
        "ingest_time": RECEIVED_MICROS,
        "exchange": "Q",
        "trade_id": "71675640083",
        "sequence": 1_234_567,
        "conditions": ["12", "37"],
    }
    values: list[bytes | None] = [orjson.dumps(full), json.dumps(full).encode(), orjson.dumps(GOOD)]
    assert _assert_equal(spark, reader, values) == 3


def test_whatever_is_read_is_what_the_columns_read(spark: SparkSession, reader: PlainReader) -> None:
    changes = examples_of(st.fixed_dictionaries({}, optional=fields), 500)
    values = [payload(**{k: v for k, v in change.items() if v is not None}) for change in changes]
    numbers = st.decimals(0, 10**13, allow_nan=False, places=None).map(lambda n: format(n, "f").encode())
    prices = [payload().replace(b"190.5", number) for number in examples_of(numbers, 300)]
    many: list[bytes | None] = [*values, *prices, *examples_of(damaged_ticks, 400), *examples_of(anything, 200)]
    assert _assert_equal(spark, reader, many) > 300


@pytest.mark.parametrize(
    "value",
    [
        *(b'{"symbol":"A","price":%s,"size":1,"event_time":1767364200000000}' % text
          for text in (b"01", b"1.", b".5", b"-1", b"+1", b"1e3", b"NaN", b"null", b'"1"', b"0", b"1e400", b"0.0")),
        b'{"symbol":"A","price":1,"price":2,"size":1,"event_time":1767364200000000}',
        b'{"symbol":"A","price":1,"size":1,"event_time":1767364200000000}{}',
        b'{"symbol":"A","price":1,"size":1,"event_time":1767364200000000',
        b'{"symbol":"A","price":1,"size":1,"event_time":17673642000000000000}',
        b'{"symbol":"A","price":1,"size":1,"event_time":1767364200000000.5}',
        b'{"symbol":"A B","price":1,"size":1,"event_time":1767364200000000}',
        b'{"symbol":"A","price":1,"size":1,"event_time":1767364200000000,"note":1}',
        b'{"symbol":"\\u0041","price":1,"size":1,"event_time":1767364200000000}',
        b'{"symbol":"A","price":1e12,"size":1,"event_time":1767364200000000,"source":"\x1f"}',
        b'{"symbol":"A","price":1000000000000,"size":10000000000000,"event_time":1767364200000000}',
        b"", b"{", b"{}", b"[]", b"null",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_the_columns(reader: PlainReader, value: bytes) -> None:
    assert reader.read(value) is None


def test_records_that_columns_accept_are_read_alike(spark: SparkSession, reader: PlainReader) -> None:
    plain: list[bytes | None] = [
        orjson.dumps({**GOOD, **{k: v for k, v in changes.items() if v is not None}}) for changes, _ in ACCEPTED
    ]
    assert _assert_equal(spark, reader, plain) > 8
