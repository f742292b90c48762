"""Records in JSON, Avro and Protocol Buffers, plain and as a registry of schemas has them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import StringType, StructField, StructType

from mdstream.errors import InvalidInputError
from mdstream.testing import kafka_records
from mdstream.transforms import filter_usable_trades, to_bars, with_dead_letter, with_decoded, with_trade_columns

DDL = "ticker string, p string, s int, t bigint"
GOOD = b'{"ticker": "AAPL", "p": "230.1", "s": 5, "t": 1767364200}'


def framed(number: int, body: bytes) -> bytes:
    """A record as Confluent's documentation of its wire format has it."""
    return struct.pack(">bI", 0, number) + body


def outcomes_of(
    spark: SparkSession, values: Sequence[bytes | None], encoding: str, schema: object, **options: object
) -> list[tuple[object, str | None]]:
    read = kafka_records(spark, values).transform(with_decoded, encoding, schema, **options).sort("offset")
    rows = read.select("decoded", "reject_reason").collect()
    return [(row["decoded"] and row["decoded"].asDict(), row["reject_reason"]) for row in rows]


def test_json_is_read_and_what_is_none_is_kept_with_a_reason(spark: SparkSession) -> None:
    values = [GOOD, b'{"ticker": "A"}', b'{"ticker": "A", "s": "five"}', b"no", b"[1]", b'"\xff"', b"", None]
    values.append(GOOD + GOOD)
    assert outcomes_of(spark, values, "json", DDL) == [
        ({"ticker": "AAPL", "p": "230.1", "s": 5, "t": 1_767_364_200}, None),
        ({"ticker": "A", "p": None, "s": None, "t": None}, None),
        (None, "not of the schema"),
        (None, "not JSON"),
        (None, "not a JSON object"),
        (None, "not UTF-8"),
        (None, "not JSON"),
        (None, "not JSON"),
        (None, "not JSON"),
    ]


def test_what_a_registry_puts_in_front_is_cut_off_and_other_schemas_are_refused(spark: SparkSession) -> None:
    values = [framed(7, GOOD), framed(4_000_000_000, GOOD), framed(8, GOOD), GOOD, b"\x00\x00", framed(7, b"no")]
    schema = StructType([StructField("ticker", StringType())])
    found = outcomes_of(spark, values, "json", schema, registry=True, schema_ids=(7, 4_000_000_000))
    assert found == [
        ({"ticker": "AAPL"}, None),
        ({"ticker": "AAPL"}, None),
        (None, "schema id not expected: 8"),
        (None, "no schema id in front"),
        (None, "no schema id in front"),
        (None, "not JSON"),
    ]


def test_records_of_a_topic_become_bars_and_dead_letters(spark: SparkSession) -> None:
    read = kafka_records(spark, [GOOD, b"no tick"], topic="trades").transform(with_decoded, "json", DDL)
    trades = read.select("decoded.*").transform(
        with_trade_columns, symbol="ticker", price="p", size="s", event_time="t", unit="s"
    )
    bars = trades.transform(filter_usable_trades).transform(to_bars, "1min").select("symbol", "close", "volume")
    assert [tuple(row) for row in bars.collect()] == [("AAPL", 230.1, 5.0)]
    letters = read.transform(with_dead_letter).where("dead_letter IS NOT NULL").select("dead_letter.*")
    assert [(row["source"], row["reason"], row["payload"]) for row in letters.collect()] == [
        ("trades", "not JSON", "no tick")
    ]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("jsn", DDL), {}, "no format 'jsn'; did you mean 'json'"),
        (("json", b""), {}, "the schema is bytes; expected a struct or its DDL"),
        (("json", "ticker strange"), {}, "the schema cannot be read"),
        (("json", "int"), {}, "expected names with types"),
        (("avro", "{"), {}, "the Avro schema is not JSON"),
        (("avro", '{"type": "enum"}'), {}, "is of a enum; expected a record"),
        (("protobuf", "text"), {"message": "Trade"}, "expected the bytes of a descriptor set"),
        (("protobuf", b""), {}, "expected a message with protobuf"),
        (("json", DDL), {"schema_ids": (1,)}, "expected registry=True"),
    ],
)
def test_what_is_no_format_or_schema_is_refused(
    spark: SparkSession, arguments: tuple[Any, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        kafka_records(spark, []).transform(with_decoded, *arguments, **options)
