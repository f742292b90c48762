"""Records in Avro and Protocol Buffers, which need a jar of Spark: bytes written by hand, and by Google's library."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from importlib.metadata import version

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from mdstream.errors import ServerError
from mdstream.runtime import use_java
from mdstream.runtime.jars import fetch_connectors
from mdstream.testing import kafka_records
from mdstream.transforms import with_decoded

RELEASE = min("4.2.0", version("pyspark"))
"""As of the Kafka connector: what Spark's later release reads too, and an older one does not."""

AVRO = json.dumps(
    {
        "type": "record",
        "name": "Trade",
        "fields": [{"name": "ticker", "type": "string"}, {"name": "p", "type": ["null", "double"]}],
    }
)
# Avro 1.12, Binary Encoding: a length is zigzag, a union begins with the number of its branch.
GOOD = b"\x08AAPL" + b"\x02" + struct.pack("<d", 230.1)


def with_jar(spark: SparkSession, artifact: str) -> None:
    """Give the session a jar of Spark's."""
    package = f"org.apache.spark:{artifact}:{RELEASE}"
    try:
        jars = fetch_connectors([package], use_java())
    except ServerError as exc:
        pytest.skip(f"Spark's {package}: Maven's registry does not give it: {exc}".splitlines()[0])
    for jar in jars:
        spark.sql(f"ADD JAR '{jar}'")


def outcomes_of(
    spark: SparkSession, values: Sequence[bytes], encoding: str, schema: object, **options: object
) -> list[tuple[object, str | None]]:
    read = kafka_records(spark, values).transform(with_decoded, encoding, schema, **options).sort("offset")
    rows = read.select("decoded", "reject_reason").collect()
    return [(row["decoded"] and tuple(row["decoded"]), row["reject_reason"]) for row in rows]


def test_a_missing_jar_is_named(spark: SparkSession) -> None:
    with pytest.raises(PySparkException, match=r"(?i)spark-avro|avro.*not loaded"):
        kafka_records(spark, []).transform(with_decoded, "avro", AVRO).collect()


def test_avro_is_read_plain_and_as_a_registry_frames_it(spark: SparkSession) -> None:
    with_jar(spark, "spark-avro_2.13")
    refused = (None, "not of the schema")
    values = [GOOD, b"\x08AAPL\x00", b"", GOOD[:-1], b"\xff\xff"]
    assert outcomes_of(spark, values, "avro", AVRO) == [
        (("AAPL", 230.1), None),
        (("AAPL", None), None),
        refused,
        refused,
        refused,
    ]
    framed = [b"\x00" + struct.pack(">I", number) + GOOD for number in (17, 18)]
    assert outcomes_of(spark, [*framed, GOOD], "avro", AVRO, registry=True, schema_ids=[17]) == [
        (("AAPL", 230.1), None),
        (None, "schema id not expected: 18"),
        (None, "no schema id in front"),
    ]


def test_protocol_buffers_are_read_plain_and_as_a_registry_frames_them(spark: SparkSession) -> None:
    with_jar(spark, "spark-protobuf_2.13")
    file = descriptor_pb2.FileDescriptorProto(name="trade.proto", package="vendor", syntax="proto3")
    message = file.message_type.add(name="Trade")
    message.field.add(name="ticker", number=1, type=9, label=1)
    message.field.add(name="p", number=2, type=1, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    trade = message_factory.GetMessageClass(pool.FindMessageTypeByName("vendor.Trade"))(ticker="AAPL", p=230.1)
    good, schema = trade.SerializeToString(), descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString()
    found = outcomes_of(spark, [good, b"\x0a\xff"], "protobuf", schema, message="vendor.Trade")
    assert found == [(("AAPL", 230.1), None), (None, "not of the schema")]
    framed = [b"\x00\x00\x00\x00\x11" + place + good for place in (b"\x00", b"\x02\x02")]
    options = {"message": "vendor.Trade", "registry": True, "schema_ids": (17,)}
    assert outcomes_of(spark, framed, "protobuf", schema, **options) == [
        (("AAPL", 230.1), None),
        (None, "not the first message of its schema"),
    ]
