"""Kafka records to ticks: parse, check, and keep what cannot be used with the reason."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from mdstream.schemas import STORED_TICK, TICK
from mdstream.schemas.limits import TEXT_FIELDS, Reason
from mdstream.schemas.spark import wire_schema
from mdstream.transforms.code_lists import codes_of_text
from mdstream.transforms.dead_letters import KAFKA_ENVELOPE, REJECT_REASON, envelope
from mdstream.transforms.json_objects import field_of, goes_on_behind_the_object, readable_text, why_no_object
from mdstream.transforms.own_ticks import MISREAD, with_own_fields
from mdstream.transforms.reject_reasons import (
    SHOWN_CHARACTERS,
    Reasons,
    first_of,
    is_any,
    is_suspect_text,
    reasons_of_amounts,
    reasons_of_symbol,
    reasons_of_text,
    reasons_of_times,
)

_UNREADABLE = "unreadable"
TICK_JSON = wire_schema(TICK).add(_UNREADABLE, StringType())
"""What a tick's JSON is read as: its fields, and the record itself where it could not be read."""

_WITH_CODES_AS_TEXT = StructType(
    [StructField(field.name, StringType() if field.name == "conditions" else field.dataType) for field in TICK_JSON]
)
_JSON_OPTIONS = {"columnNameOfCorruptRecord": _UNREADABLE, "allowSingleQuotes": "false"}
IS_USABLE = "is_usable"
"""Column that says whether a Kafka record is a usable tick; never null."""


def to_ticks(
    records: DataFrame,
    max_future_skew_seconds: int,
    *,
    nonpositive_prices: bool = False,
    columns: Mapping[str, str] | None = None,
    unit: str = "us",
) -> DataFrame:
    """Keep the Kafka records that are usable ticks.

    Args:
        records: Columns value (binary), topic, partition, offset and timestamp of Spark's Kafka source.
        max_future_skew_seconds: A tick further ahead of its ingest time is refused, because one bad clock would move
            the watermark and close every window.
        nonpositive_prices: Whether prices may be zero or less.
        columns: What their JSON calls the fields of a tick, by those: `{"symbol": "ticker", "price": "data.p"}`; a dot
            goes into an object. Numbers may then be text, and times ISO 8601. None: it is ours.
        unit: Of times that are numbers, where `columns` are named: s, ms, us or ns since 1970.

    Returns:
        Columns of STORED_TICK. A record without ingest_time takes the broker's time of it.

    Example:
        >>> from mdstream.testing import kafka_records
        >>> good = b'{"symbol": "AAPL", "price": 230.1, "size": 5, "event_time": 1767364200000000}'
        >>> ticks = kafka_records(spark, [good, b"no tick"]).transform(to_ticks, 300)
        >>> ticks.select("symbol", "price", "size", "kafka_offset").collect()
        [Row(symbol='AAPL', price=230.1, size=5.0, kafka_offset=0)]
    """
    parsed = with_reject_reason(
        records, max_future_skew_seconds, nonpositive_prices=nonpositive_prices, columns=columns, unit=unit
    )
    return parsed.where(F.col(REJECT_REASON).isNull()).select(*STORED_TICK.schema.names)


def with_usability(
    records: DataFrame,
    max_future_skew_seconds: int,
    plain_tick: Column | None = None,
    *,
    nonpositive_prices: bool = False,
    columns: Mapping[str, str] | None = None,
    unit: str = "us",
) -> DataFrame:
    """Parse Kafka records into ticks, and say of each whether it can be used.

    A condition on what was parsed Spark moves down to where the JSON is, and parses it once more for each part of the
    condition: who can skip ticks further on does so by this column.

    Args:
        records: Columns value (binary), topic, partition, offset and timestamp of Spark's Kafka source.
        max_future_skew_seconds: A tick further ahead of its ingest time is refused.
        plain_tick: A struct like `TICK_JSON` where the source itself has read a record that is plainly well formed and
            within all limits but those of time; null where it has not. Not used where `columns` are named.
        nonpositive_prices: Whether prices may be zero or less.
        columns: See `to_ticks`.
        unit: See `to_ticks`.

    Returns:
        Columns of STORED_TICK, and `is_usable`, which is never null.
    """
    against = _reasons_of_values(nonpositive_prices, is_own=columns is not None)
    of_values = is_any([condition for condition, _ in against] + [_has_malformed_text()])
    of_time = is_any([condition for condition, _ in reasons_of_times(max_future_skew_seconds)])
    is_refused = F.when(of_time, F.lit(True)).when(F.col("is_plain"), F.lit(False)).otherwise(of_values)
    fields = _with_fields(records, plain_tick) if columns is None else _with_own_fields(records, columns, unit)
    return fields.select(*STORED_TICK.schema.names, (~is_refused).alias(IS_USABLE))


def with_reject_reason(
    records: DataFrame,
    max_future_skew_seconds: int,
    *,
    nonpositive_prices: bool = False,
    columns: Mapping[str, str] | None = None,
    unit: str = "us",
) -> DataFrame:
    """Parse Kafka records into ticks and say of each why it cannot be used, if so.

    Args:
        records: Columns value (binary), topic, partition, offset and timestamp of Spark's Kafka source.
        max_future_skew_seconds: A tick further ahead of its ingest time is refused.
        nonpositive_prices: Whether prices may be zero or less.
        columns: See `to_ticks`.
        unit: See `to_ticks`.

    Returns:
        Columns of STORED_TICK and of the envelope, and `reject_reason`: null for a usable tick.

    Example:
        >>> from mdstream.testing import kafka_records
        >>> bad = b'{"symbol": "AAPL", "price": -1, "size": 5, "event_time": 1767364200000000}'
        >>> kafka_records(spark, [bad]).transform(with_reject_reason, 300).select("reject_reason").collect()
        [Row(reject_reason='price not positive: -1.0')]
    """
    reason = _reject_reason(max_future_skew_seconds, nonpositive_prices, is_own=columns is not None)
    fields = _with_fields(records, None) if columns is None else _with_own_fields(records, columns, unit)
    return fields.select(*STORED_TICK.schema.names, reason.alias(REJECT_REASON), *KAFKA_ENVELOPE)


def _with_fields(records: DataFrame, plain_tick: Column | None) -> DataFrame:
    """Parse Kafka records into the fields of ticks, whatever they are, beside their envelope."""
    plain = F.lit(None).cast(TICK_JSON) if plain_tick is None else plain_tick
    parsed = records.select(
        F.coalesce(plain, F.from_json(readable_text(), TICK_JSON, _JSON_OPTIONS)).alias("tick"),
        plain.isNotNull().alias("is_plain"),
        *envelope(),
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
    ).transform(_with_codes_of_text)
    is_plain = F.col("is_plain")
    unreadable = F.col(f"tick.{_UNREADABLE}").isNotNull() | goes_on_behind_the_object(F.col("payload"))
    return parsed.select(
        *(field_of("tick", name) for name in TICK.schema.names),
        "kafka_partition",
        "kafka_offset",
        *KAFKA_ENVELOPE,
        is_plain,
        F.col("tick").isNull().alias("is_not_an_object"),
        (~is_plain & unreadable).alias("is_unreadable"),
    )


def _with_own_fields(records: DataFrame, columns: Mapping[str, str], unit: str) -> DataFrame:
    """Parse Kafka records of other people into the same columns, and `misread`."""
    place = (F.col("partition").alias("kafka_partition"), F.col("offset").alias("kafka_offset"))
    read = records.select(readable_text().alias("text"), *envelope(), *place).transform(with_own_fields, columns, unit)
    is_unreadable = F.col("is_unreadable") | goes_on_behind_the_object(F.col("payload"))
    return read.withColumns({"is_plain": F.lit(False), "is_unreadable": is_unreadable})


def _with_codes_of_text(parsed: DataFrame) -> DataFrame:
    """Read once more, of records that could not be read, whether their codes are a list in text or one number."""
    again = F.from_json(_text(), _WITH_CODES_AS_TEXT, _JSON_OPTIONS)
    is_unreadable = F.col(f"tick.{_UNREADABLE}").isNotNull()
    read = parsed.withColumn("again", F.when(is_unreadable, again))
    codes = codes_of_text(F.col("again.conditions"))
    is_list = F.col(f"again.{_UNREADABLE}").isNull() & codes.isNotNull()
    mended = F.struct(
        *((codes if name == "conditions" else F.col(f"again.{name}")).alias(name) for name in TICK_JSON.names)
    )
    return read.withColumn("tick", F.when(is_unreadable & is_list, mended).otherwise(F.col("tick"))).drop("again")


def _reject_reason(max_future_skew_seconds: int, nonpositive_prices: bool, *, is_own: bool) -> Column:
    """Return the first reason against a tick; whatever needs the payload again is only computed for refused ones."""
    times = reasons_of_times(max_future_skew_seconds)
    values = _reasons_of_values(nonpositive_prices, is_own=is_own)
    return first_of([*values, *times, (_has_malformed_text(), _why_text())])


def _reasons_of_values(nonpositive_prices: bool, *, is_own: bool) -> Reasons:
    why_unreadable = why_no_object(F.col("payload")).otherwise(F.col(MISREAD)) if is_own else _why_unreadable()
    return [
        (F.col("is_not_an_object") | F.col("is_unreadable"), why_unreadable),
        *reasons_of_symbol(F.col("symbol")),
        *reasons_of_amounts(F.col("price"), F.col("size"), nonpositive_prices=nonpositive_prices),
        (F.col("event_time").isNull(), Reason.MISSING.of("event_time")),
    ]


def _text() -> Column:
    return F.col("payload").cast("string")


def _why_unreadable() -> Column:
    """Say which field of a record that from_json refused is at fault, or that it is not JSON object at all."""
    text = _text()
    raw = {name: F.get_json_object(text, f"$.{name}") for name in TICK.schema.names}
    wrong_kind = {
        "price": Reason.NOT_A_NUMBER,
        "size": Reason.NOT_A_NUMBER,
        "event_time": Reason.NOT_A_TIME,
        "sequence": Reason.NOT_AN_INTEGER,
        "conditions": Reason.MALFORMED,
        # The last, since its column is never null: it is at fault if no other is.
        "ingest_time": Reason.NOT_A_TIME,
    }
    why = why_no_object(F.col("payload"))
    for name, reason in wrong_kind.items():
        # from_json keeps what it could read: a field that is there but came out null is the one at fault.
        is_lost = F.col(name).isNull() if name != "ingest_time" else F.lit(True)
        why = why.when(
            raw[name].isNotNull() & is_lost,
            F.concat(F.lit(f"{reason.of(name)}: "), F.substring(raw[name], 1, SHOWN_CHARACTERS)),
        )
    return why.otherwise(Reason.NOT_JSON.of())


def _has_malformed_text() -> Column:
    """Check all texts of a tick at once; only a tick that fails that is looked at field by field."""
    return is_suspect_text([F.col(name) for name in TEXT_FIELDS], F.col("conditions")) & _why_text().isNotNull()


def _why_text() -> Column:
    texts = {name: F.col(name) for name in TEXT_FIELDS}
    not_utf8 = (~F.is_valid_utf8(_text()), Reason.NOT_UTF8.of())
    return first_of([not_utf8, *reasons_of_text(texts, F.col("conditions"))])
