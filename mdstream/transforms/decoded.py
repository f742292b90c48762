"""Records of other people's topics, whatever they are written in, to columns; what cannot be read is kept."""

from __future__ import annotations

import json
from collections.abc import Collection
from enum import StrEnum

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructType

from mdstream.errors import InvalidInputError, did_you_mean
from mdstream.schemas.limits import Reason
from mdstream.transforms.dead_letters import REJECT_REASON
from mdstream.transforms.json_objects import goes_on_behind_the_object, reasons_of_no_object
from mdstream.transforms.reject_reasons import Reasons, first_of, found, is_any

DECODED = "decoded"
"""Column that holds what a record says, a struct; null if it cannot be read."""

_READ = "what was read"
_UNREADABLE = "what is not JSON"
_FRAME_BYTES = 5
_FIRST_MESSAGE = b"\x00"


class Encoding(StrEnum):
    """What records are written in."""

    JSON = "json"
    AVRO = "avro"
    PROTOBUF = "protobuf"


def with_decoded(
    records: DataFrame,
    format: Encoding | str,  # noqa: A002 - what Spark calls it
    schema: str | StructType | bytes,
    *,
    message: str | None = None,
    registry: bool = False,
    schema_ids: Collection[int] = (),
) -> DataFrame:
    """Read the values of Kafka's records in JSON, Avro or Protocol Buffers.

    `decoded.*` are then the columns of a table as any other: `with_trade_columns` makes trades of them, and
    `with_dead_letter` keeps what could not be read. Avro and Protocol Buffers need a jar of the session's Spark:
    `spark.jars.packages` with `org.apache.spark:spark-avro_2.13:` or `org.apache.spark:spark-protobuf_2.13:` and
    the version of Spark. JSON needs none.

    With a registry of schemas (Confluent's, Redpanda's, Apicurio's, AWS Glue's in Confluent's form) each record begins
    with a zero, and the number of its schema in four bytes, before Protocol Buffers with the number of the message
    too. These are cut off. The registry itself is not asked: `schema` is the writer's, and `schema_ids` say which
    numbers mean it, so that records of any other are refused and not read as what they are not.

    Args:
        records: A column value (binary). Any others stay.
        format: json, avro or protobuf.
        schema: Of JSON a struct or its DDL, e.g. `ticker string, p string, ts bigint`; of Avro the writer's schema, as
            JSON; of Protocol Buffers a descriptor set, as `protoc --descriptor_set_out --include_imports` writes it.
        message: Protocol Buffers: full name of the message.
        registry: Whether records begin as those of a registry do.
        schema_ids: Numbers that the registry has given to this schema; empty takes all.

    Returns:
        All columns, `decoded`, and `reject_reason`: null for what could be read. Of Kafka's records also `payload` and
        `received_time`, which `with_dead_letter` takes. A record of which Avro or Protocol Buffers find no value at
        all is refused: Spark does not tell that from one that is not of the schema.

    Raises:
        InvalidInputError: There is no such format, or the schema is none of it.

    Example:
        >>> from mdstream.testing import kafka_records
        >>> records = kafka_records(spark, [b'{"ticker": "AAPL", "p": "230.1"}', b"no tick"])
        >>> read = records.transform(with_decoded, "json", "ticker string, p string")
        >>> read.select("decoded.ticker", "decoded.p", "reject_reason").sort("offset").collect()
        [Row(ticker='AAPL', p='230.1', reject_reason=None), Row(ticker=None, p=None, reject_reason='not JSON')]
    """
    encoding = _encoding(format)
    value = F.coalesce("value", F.lit(b""))
    body = value
    reasons: Reasons = []
    if registry:
        head = _FRAME_BYTES + (len(_FIRST_MESSAGE) if encoding is Encoding.PROTOBUF else 0)
        body = F.substring(value, F.lit(head + 1), F.greatest(F.octet_length(value) - head, F.lit(0)))
        reasons = _reasons_of_frame(value, encoding, schema_ids)
    elif schema_ids:
        raise InvalidInputError("schema_ids are numbers of a registry: expected registry=True with them")
    is_framed = first_of(reasons).isNull() if reasons else F.lit(True)
    read = records.withColumn(_READ, _read(F.when(is_framed, body), encoding, schema, message))
    names = _names_of(read)
    against = [*reasons, *_reasons_of_content(body, encoding, names)]
    reason = first_of(against)
    columns = {DECODED: F.when(reason.isNull(), _without_marks(names)), REJECT_REASON: reason}
    if {"topic", "timestamp"} <= set(records.columns):
        columns |= {"payload": value, "received_time": F.col("timestamp")}
    return read.withColumns(columns).drop(_READ)


def _encoding(name: Encoding | str) -> Encoding:
    if name not in list(Encoding):
        raise InvalidInputError(f"there is no format '{name}'; {did_you_mean(str(name), list(Encoding))}")
    return Encoding(name)


def _read(body: Column, encoding: Encoding, schema: str | StructType | bytes, message: str | None) -> Column:
    if (encoding is Encoding.PROTOBUF) != (message is not None):
        raise InvalidInputError(f"the format is {encoding}: expected a message with protobuf, and with no other")
    if encoding is Encoding.JSON and not isinstance(schema, bytes):
        options = {"columnNameOfCorruptRecord": _UNREADABLE, "allowSingleQuotes": "false"}
        return F.from_json(body.cast("string"), _struct_of(schema).add(_UNREADABLE, StringType()), options)
    # As functions of SQL they tell by themselves which jar is missing, in a classic session and over Connect.
    permissive = F.create_map(F.lit("mode"), F.lit("PERMISSIVE"))
    if encoding is Encoding.AVRO and isinstance(schema, str):
        return F.call_function("from_avro", body, F.lit(_checked_avro(schema)), permissive)
    if encoding is Encoding.PROTOBUF and isinstance(schema, bytes):
        return F.call_function("from_protobuf", body, F.lit(message), F.lit(schema), permissive)
    expected = {
        Encoding.JSON: "a struct or its DDL",
        Encoding.AVRO: "the text of an Avro schema",
        Encoding.PROTOBUF: "the bytes of a descriptor set",
    }
    raise InvalidInputError(f"the schema is {type(schema).__name__}; expected {expected[encoding]} for {encoding}")


def _struct_of(schema: str | StructType) -> StructType:
    parsed = schema if isinstance(schema, StructType) else _parsed(schema)
    # A copy: what is added is not for who gave it.
    return StructType(list(parsed.fields))


def _parsed(ddl: str) -> StructType:
    problem = f"the schema cannot be read: {ddl[:80]!r}; expected names with types, e.g. ticker string, p double"
    try:
        parsed = StructType.fromDDL(ddl)
    except PySparkException as exc:
        raise InvalidInputError(problem) from exc
    if not isinstance(parsed, StructType):
        raise InvalidInputError(problem)
    return parsed


def _checked_avro(schema: str) -> str:
    try:
        kind = json.loads(schema)["type"]
    except (ValueError, TypeError, KeyError) as exc:
        raise InvalidInputError(f"the Avro schema is not JSON with a type: {schema[:80]!r}") from exc
    if kind != "record":
        raise InvalidInputError(f"the Avro schema is of a {kind}; expected a record, whose fields become columns")
    return schema


def _names_of(read: DataFrame) -> list[str]:
    kind = read.schema[_READ].dataType
    if not isinstance(kind, StructType):
        raise InvalidInputError(f"the schema is of a {kind.simpleString()}; expected fields, which become columns")
    return [name for name in kind.names if name != _UNREADABLE]


def _of(name: str) -> Column:
    return F.col(_READ).getField(name)


def _without_marks(names: list[str]) -> Column:
    return F.struct(*(_of(name).alias(name) for name in names))


def _reasons_of_frame(value: Column, encoding: Encoding, schema_ids: Collection[int]) -> Reasons:
    is_framed = (F.octet_length(value) >= _FRAME_BYTES) & (F.substring(value, 1, 1) == F.lit(b"\x00"))
    number = F.conv(F.hex(F.substring(value, 2, _FRAME_BYTES - 1)), 16, 10).cast("bigint")
    reasons: Reasons = [(~is_framed, Reason.NO_SCHEMA_ID.of())]
    if schema_ids:
        reasons.append((~number.isin(*schema_ids), found(Reason.OTHER_SCHEMA.of(), number)))
    if encoding is Encoding.PROTOBUF:
        place = F.substring(value, _FRAME_BYTES + 1, len(_FIRST_MESSAGE))
        reasons.append((place != F.lit(_FIRST_MESSAGE), Reason.OTHER_MESSAGE.of()))
    return reasons


def _reasons_of_content(body: Column, encoding: Encoding, names: list[str]) -> Reasons:
    if encoding is not Encoding.JSON:
        return [(~is_any([_of(name).isNotNull() for name in names]), Reason.NOT_OF_SCHEMA.of())]
    is_lost = F.col(_READ).isNull() | _of(_UNREADABLE).isNotNull() | goes_on_behind_the_object(body)
    why = first_of(reasons_of_no_object(body))
    return [(is_lost, F.coalesce(why, F.lit(Reason.NOT_OF_SCHEMA.of())))]
