"""Kafka records to quotes: parse, check, and keep what cannot be used with the reason."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from mdstream.schemas import QUOTE, STORED_QUOTE
from mdstream.schemas.limits import (
    MAX_PRICE,
    MAX_SIZE,
    PRICES_OF_QUOTES,
    SIZES_OF_QUOTES,
    TEXT_FIELDS,
    TEXT_PATTERN,
    Reason,
)
from mdstream.schemas.spark import wire_schema
from mdstream.transforms.dead_letters import KAFKA_ENVELOPE, REJECT_REASON, envelope
from mdstream.transforms.json_objects import field_of, goes_on_behind_the_object, readable_text, why_no_object
from mdstream.transforms.reject_reasons import (
    Reasons,
    first_of,
    found,
    is_not_finite,
    matches,
    reasons_of_symbol,
    reasons_of_times,
)

_UNREADABLE = "unreadable"
_QUOTE_JSON = wire_schema(QUOTE).add(_UNREADABLE, StringType())
_JSON_OPTIONS = {"columnNameOfCorruptRecord": _UNREADABLE, "allowSingleQuotes": "false"}
_TEXTS = tuple(name for name in TEXT_FIELDS if name in QUOTE.schema.names)


def with_quote_fields(
    records: DataFrame, max_future_skew_seconds: int, *, nonpositive_prices: bool = False
) -> DataFrame:
    """Parse Kafka records into quotes and say of each why it cannot be used, if so.

    A side may be missing, but not both; a price of 0 says that nobody quotes there. Crossed quotes are kept: they are
    what the source said.

    Args:
        records: Columns value (binary), topic, partition, offset and timestamp of Spark's Kafka source.
        max_future_skew_seconds: A quote further ahead of its ingest time is refused.
        nonpositive_prices: Whether prices may be below zero.

    Returns:
        Columns of STORED_QUOTE and of the envelope, and `reject_reason`: null for a usable quote. A record without
        ingest_time takes the broker's time of it.

    Example:
        >>> from mdstream.testing import kafka_records
        >>> lines = [b'{"symbol": "AAPL", "bid": 9, "ask": 11, "event_time": 1767364200000000}', b'{"symbol": "AAPL"}']
        >>> quotes = kafka_records(spark, lines, topic="quote_data").transform(with_quote_fields, 300)
        >>> quotes.select("bid", "ask", "reject_reason").collect()
        [Row(bid=9.0, ask=11.0, reject_reason=None), Row(bid=None, ask=None, reject_reason='neither bid nor ask')]
    """
    parsed = records.select(
        F.from_json(readable_text(), _QUOTE_JSON, _JSON_OPTIONS).alias("quote"),
        *envelope(),
        F.col("partition").alias("kafka_partition"),
        F.col("offset").alias("kafka_offset"),
    )
    fields = parsed.select(
        *(field_of("quote", name) for name in QUOTE.schema.names),
        "kafka_partition",
        "kafka_offset",
        *KAFKA_ENVELOPE,
        (F.col("quote").isNull() | F.col(f"quote.{_UNREADABLE}").isNotNull()).alias("is_unreadable"),
    )
    payload = F.col("payload")
    why_unreadable = why_no_object(payload).otherwise(Reason.NOT_A_RECORD.of(QUOTE.name))
    reason = first_of(
        [
            (F.col("is_unreadable") | goes_on_behind_the_object(payload), why_unreadable),
            *reasons_of_symbol(F.col("symbol")),
            *_reasons_of_sides(nonpositive_prices),
            (F.col("event_time").isNull(), Reason.MISSING.of("event_time")),
            *reasons_of_times(max_future_skew_seconds),
            *_reasons_of_text(),
        ]
    )
    return fields.select(*STORED_QUOTE.schema.names, *KAFKA_ENVELOPE, reason.alias(REJECT_REASON))


def _reasons_of_sides(nonpositive_prices: bool) -> Reasons:
    bid, ask = (F.col(name) for name in PRICES_OF_QUOTES)
    reasons: Reasons = [(bid.isNull() & ask.isNull(), Reason.NEITHER_SIDE.of())]
    for name in PRICES_OF_QUOTES:
        reasons += _reasons_of_amount(name, MAX_PRICE, Reason.PRICE_TOO_HIGH, may_be_negative=nonpositive_prices)
    for name in SIZES_OF_QUOTES:
        reasons += _reasons_of_amount(name, MAX_SIZE, Reason.SIZE_TOO_HIGH, may_be_negative=False)
    return reasons


def _reasons_of_amount(name: str, most: float, too_high: Reason, *, may_be_negative: bool) -> Reasons:
    amount = F.col(name)
    negative = (amount < 0, found(Reason.NEGATIVE.of(name), amount))
    return [
        (is_not_finite(amount), found(Reason.NOT_FINITE.of(name), amount)),
        *([] if may_be_negative else [negative]),
        (amount > most, found(too_high.of(), amount)),
        (amount < -most, found(Reason.PRICE_TOO_LOW.of(), amount)),
    ]


def _reasons_of_text() -> Reasons:
    not_utf8 = (~F.is_valid_utf8(F.col("payload").cast("string")), Reason.NOT_UTF8.of())
    return [not_utf8, *((~matches(F.col(name), TEXT_PATTERN), Reason.MALFORMED.of(name)) for name in _TEXTS)]
