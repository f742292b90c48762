"""JSON objects of Kafka records: their text, their fields, and why a record is none."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

from mdstream.schemas.limits import MAX_PAYLOAD_BYTES, Reason
from mdstream.transforms.reject_reasons import Reasons, first_of


def readable_text() -> Column:
    """Return the text of a record of Spark's Kafka source; null where it is too long to be read."""
    return F.when(F.octet_length("value") <= MAX_PAYLOAD_BYTES, F.col("value").cast("string"))


def field_of(parsed: str, name: str) -> Column:
    """Return a field of a tick or a quote as it is stored; one without ingest_time takes the broker's time of it.

    Args:
        parsed: The column with the record's fields as JSON has them.
        name: The field.
    """
    field = F.col(f"{parsed}.{name}")
    if name == "ingest_time":
        return F.coalesce(F.timestamp_micros(field), F.col("received_time")).alias(name)
    return (F.timestamp_micros(field) if name == "event_time" else field).alias(name)


def goes_on_behind_the_object(payload: Column) -> Column:
    """Tell whether more follows the JSON object, e.g. a second one: from_json reads the first value and no further."""
    text, brace = payload.cast("string"), F.lit("}")
    all_but_last = F.substring(payload, F.lit(1), F.octet_length(payload) - 1).cast("string")
    # Nothing follows the only brace that ends an object as we write it: the others are parsed a second time.
    is_suspect = F.contains(all_but_last, brace) | ~F.endswith(text, brace)
    values = F.from_json(F.concat(F.lit("["), text, F.lit("]")), "array<struct<symbol:string>>")
    return is_suspect & (F.coalesce(F.size(values), F.lit(0)) != 1)


def reasons_of_no_object(payload: Column) -> Reasons:
    """Return why a record, as bytes, is not one JSON object."""
    text = payload.cast("string")
    return [
        (~F.is_valid_utf8(text), Reason.NOT_UTF8.of()),
        (F.try_parse_json(text).isNull(), Reason.NOT_JSON.of()),
        (F.json_object_keys(text).isNull(), Reason.NOT_AN_OBJECT.of()),
        (goes_on_behind_the_object(payload), Reason.NOT_JSON.of()),
    ]


def why_no_object(payload: Column) -> Column:
    """Say why a record of Kafka is not one JSON object of a length that is read, if so; more conditions can follow."""
    too_long = (F.octet_length(payload) > MAX_PAYLOAD_BYTES, Reason.PAYLOAD_TOO_LONG.of())
    return first_of([too_long, *reasons_of_no_object(payload)])
