"""Streams from and to Kafka topics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pyspark.sql import DataFrame, SparkSession

from mdstream.config import Settings
from mdstream.config.kafka_login import client_login, spark_login
from mdstream.errors import QueryFailedError
from mdstream.schemas import Record
from mdstream.streaming.running import RunningQuery
from mdstream.streaming.triggers import Trigger

RECORD_COLUMNS = ("value", "topic", "partition", "offset", "timestamp")
"""What is taken of Spark's Kafka source."""

_ANSWER_SECONDS = 30

# A micro-batch knows where it ends, and by default a fetch waits half a second for what comes behind that.
_LONGEST_FETCH = "kafka.fetch.max.wait.ms"
_MICRO_BATCH_FETCH_MS = "10"


def read_topic(
    spark: SparkSession,
    settings: Settings,
    record: Record,
    max_offsets_per_trigger: int | None = None,
) -> DataFrame:
    """Stream the topic of `record` in micro-batches, from its beginning or from where the checkpoint left off.

    Records that Kafka dropped before they were read stop the query: nothing is lost in silence.

    Args:
        spark: The session.
        settings: Broker, and the most records of a micro-batch.
        record: The record whose topic is read.
        max_offsets_per_trigger: Another limit of a micro-batch.

    Returns:
        Columns value (binary), topic, partition, offset and timestamp.
    """
    limit = str(max_offsets_per_trigger or settings.spark.max_offsets_per_trigger)
    options = {"maxOffsetsPerTrigger": limit, _LONGEST_FETCH: _MICRO_BATCH_FETCH_MS}
    return load_topic(spark, settings, record, "kafka", options).select(*RECORD_COLUMNS)


def load_topic(
    spark: SparkSession, settings: Settings, record: Record, source: str, options: Mapping[str, object]
) -> DataFrame:
    """Stream the topic of `record` by a source that has the options of Spark's own; see `read_topic`."""
    reader = spark.readStream.format(source).options(**spark_login(settings.kafka))
    return (
        reader.option("subscribe", topic_of(record))
        .option("startingOffsets", "earliest")
        .options(**{name: str(value) for name, value in options.items()})
        .load()
    )


def require_topic(settings: Settings, topic: str) -> None:
    """See that a topic is there: Spark would wait for it without a word.

    Raises:
        QueryFailedError: The topic does not exist, or the broker does not answer.
    """
    client = AdminClient(client_login(settings.kafka))
    try:
        found = client.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic]
    except KafkaException as exc:
        raise QueryFailedError(f"Kafka at {settings.kafka.bootstrap_servers} does not answer: {exc}") from exc
    if found.error is not None:
        raise QueryFailedError(f"topic {topic} cannot be read: {found.error}; 'mdstream topics create' makes it")


def write_records(
    records: DataFrame,
    settings: Settings,
    record: Record,
    trigger: Trigger,
    name: str,
    late_ticks: Callable[[], int] | None = None,
) -> RunningQuery:
    """Start a query that sends records to the topic of `record` as they come.

    Args:
        records: A stream with columns key and value, both binary.
        settings: Broker, producer and checkpoint location.
        record: The record that the values are.
        trigger: When records are sent.
        name: Name of the query; its checkpoint is a folder of that name.
        late_ticks: Returns how many ticks the query has left out as late.
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
        .option("topic", topic_of(record))
        .option("checkpointLocation", checkpoint)
    )
    started = trigger.apply(writer).start
    return RunningQuery.begin(started, checkpoint, real_time=trigger.real_time, late_ticks=late_ticks)


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
