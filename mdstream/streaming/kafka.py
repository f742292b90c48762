"""Streams from and to Kafka topics."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.config import Settings
from mdstream.errors import QueryFailedError, StoreError
from mdstream.kafka import requiring
from mdstream.kafka.login import spark_login
from mdstream.schemas import BAR, Record
from mdstream.schemas.wire import VENDOR_HEADER
from mdstream.streaming.leftovers import remove_unfinished
from mdstream.streaming.running_query import RunningQuery
from mdstream.streaming.triggers import Trigger

RECORD_COLUMNS = ("value", "topic", "partition", "offset", "timestamp")
"""What is taken of Spark's Kafka source."""

IS_VENDORS = "is_vendors"
"""Column that says whether a bar comes without its indicators: from a vendor, not from the live engine."""

CHECKPOINT_OPTION = "checkpointLocation"
"""Where Spark is told that a query keeps its progress and state."""

_ANSWER_SECONDS = requiring.ANSWER_SECONDS
_MOST_OFFSETS = "maxOffsetsPerTrigger"

# A micro-batch knows where it ends, and by default a fetch waits half a second for what comes behind that.
_LONGEST_FETCH = "kafka.fetch.max.wait.ms"
_MICRO_BATCH_FETCH_MS = "10"


def read_topic(
    spark: SparkSession,
    settings: Settings,
    *records: Record,
    max_offsets_per_trigger: int | None = None,
) -> DataFrame:
    """Stream the topics of `records` in micro-batches, from their beginning or from where the checkpoint left off.

    Records that Kafka dropped before they were read stop the query: nothing is lost in silence.

    Args:
        spark: The session.
        settings: Broker, and the most records of a micro-batch.
        records: The records whose topics are read.
        max_offsets_per_trigger: Another limit of a micro-batch.

    Returns:
        Columns value (binary), topic, partition, offset and timestamp.
    """
    limit = {_MOST_OFFSETS: max_offsets_per_trigger}
    return _read(spark, settings, records, limit).select(*RECORD_COLUMNS)


def read_bars(spark: SparkSession, settings: Settings) -> DataFrame:
    """Stream the topic of bars, as `read_topic` does, with a column `is_vendors`: no engine of ours built it."""
    records = _read(spark, settings, [BAR], {"includeHeaders": "true"})
    is_vendors = F.exists(F.coalesce("headers", F.array()), lambda header: header["key"] == VENDOR_HEADER)
    return records.select(*RECORD_COLUMNS, is_vendors.alias(IS_VENDORS))


def _read(
    spark: SparkSession, settings: Settings, records: Sequence[Record], options: Mapping[str, object]
) -> DataFrame:
    limit = options.get(_MOST_OFFSETS) or settings.spark.max_offsets_per_trigger
    usual = {_MOST_OFFSETS: limit, _LONGEST_FETCH: _MICRO_BATCH_FETCH_MS}
    return load_topics(spark, settings, records, "kafka", {**options, **usual})


def load_topics(
    spark: SparkSession, settings: Settings, records: Sequence[Record], source: str, options: Mapping[str, object]
) -> DataFrame:
    """Stream the topics of `records` by a source that has the options of Spark's own; see `read_topic`."""
    reader = spark.readStream.format(source).options(**spark_login(settings.kafka))
    return (
        reader.option("subscribe", ",".join(map(topic_of, records)))
        .option("startingOffsets", "earliest")
        .options(**{name: str(value) for name, value in options.items()})
        .load()
    )


def load_offsets(
    spark: SparkSession, settings: Settings, topic: str, offsets: Mapping[int, tuple[int, int]]
) -> DataFrame:
    """Read a part of a topic in batch.

    Args:
        spark: The session.
        settings: The broker.
        topic: The topic.
        offsets: The first offset and the one behind the last, by partition.

    Returns:
        Columns value (binary), topic, partition, offset and timestamp.
    """
    begin, end = (
        json.dumps({topic: {str(number): bounds[side] for number, bounds in offsets.items()}}) for side in (0, 1)
    )
    reader = spark.read.format("kafka").options(**spark_login(settings.kafka))
    assigned = json.dumps({topic: sorted(offsets)})
    return (
        reader.option("assign", assigned)
        .option("startingOffsets", begin)
        .option("endingOffsets", end)
        .load()
        .select(*RECORD_COLUMNS)
    )


def require_topic(settings: Settings, topic: str) -> None:
    """See that a topic is there: Spark would wait for it without a word.

    Raises:
        QueryFailedError: The topic does not exist, or the broker does not answer.
    """
    try:
        requiring.require_topic(settings.kafka, topic, _ANSWER_SECONDS)
    except StoreError as exc:
        raise QueryFailedError(str(exc)) from exc


def write_records(
    records: DataFrame,
    settings: Settings,
    trigger: Trigger,
    name: str,
    again: Callable[[], RunningQuery],
) -> RunningQuery:
    """Start a query that sends records to their topics as they come.

    Args:
        records: A stream with columns topic, key and value, the last two binary.
        settings: Broker, producer and checkpoint location.
        trigger: When records are sent.
        name: Name of the query; its checkpoint is a folder of that name.
        again: Starts the query anew.
    """
    kafka, checkpoint = settings.kafka, checkpoint_of(settings, name)
    writer = (
        records.writeStream.queryName(name)
        .outputMode("update")
        .format("kafka")
        .options(**spark_login(kafka))
        .option("kafka.compression.type", settings.spark.live_compression)
        .option("kafka.linger.ms", str(settings.spark.live_wait_ms))
        .option("kafka.batch.size", str(kafka.batch_size))
        .option(CHECKPOINT_OPTION, checkpoint)
    )
    remove_unfinished(checkpoint)
    return RunningQuery(trigger.apply(writer).start(), trigger.real_time, again, checkpoint=checkpoint)


def topic_of(record: Record) -> str:
    """Return the topic that carries `record`.

    Raises:
        ValueError: No topic does.
    """
    if record.topic is None:
        raise ValueError(f"no topic carries a {record.name}")
    return record.topic


def checkpoint_of(settings: Settings, query: str) -> str:
    """Return where a query of this name keeps its progress and state."""
    return f"{settings.spark.checkpoint_location.rstrip('/')}/{query}"
