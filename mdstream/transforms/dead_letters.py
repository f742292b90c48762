"""What cannot be used is kept with the reason."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.schemas import DEAD_LETTER

REJECT_REASON = "reject_reason"
"""Column that says why a Kafka record cannot be used; null if it can."""

DEAD_LETTER_COLUMN = "dead_letter"
"""Column that holds the dead letter of a Kafka record; null if the record can be used."""

KAFKA_ENVELOPE = ("payload", "topic", "received_time")
"""Columns that carry a Kafka record's value (binary), topic and time until it is known to be usable."""


def envelope() -> list[Column]:
    """Return the columns of `KAFKA_ENVELOPE` from those of Spark's Kafka source."""
    # A Kafka record may have no value at all.
    return [F.coalesce("value", F.lit(b"")).alias("payload"), F.col("topic"), F.col("timestamp").alias("received_time")]


def with_dead_letter(records: DataFrame) -> DataFrame:
    """Turn the envelope and the reject reason into one column `dead_letter`, a struct with the fields of DEAD_LETTER.

    A payload that is not UTF-8 is kept in base64.

    Args:
        records: Any columns, those of `KAFKA_ENVELOPE` and `reject_reason`.

    Example:
        >>> from mdstream.testing import kafka_records
        >>> from mdstream.transforms import with_reject_reason
        >>> records = kafka_records(spark, [b"no tick"])
        >>> refused = records.transform(with_reject_reason, 300).transform(with_dead_letter)
        >>> refused.select("dead_letter.source", "dead_letter.reason", "dead_letter.payload").collect()
        [Row(source='tick_data', reason='not JSON', payload='no tick')]
    """
    text = F.col("payload").cast("string")
    is_text = F.is_valid_utf8(text)
    fields = {
        "source": F.col("topic"),
        "reason": F.col(REJECT_REASON),
        # Not with `otherwise`: a field that cannot be null within a letter that can be is refused by Arrow.
        "payload": F.when(is_text, text).when(~is_text, F.concat(F.lit("base64:"), F.base64("payload"))),
        "received_time": F.col("received_time"),
    }
    letter = F.struct(*(fields[name].alias(name) for name in DEAD_LETTER.schema.names))
    return records.withColumn(DEAD_LETTER_COLUMN, F.when(F.col(REJECT_REASON).isNotNull(), letter)).drop(
        REJECT_REASON, *KAFKA_ENVELOPE
    )
