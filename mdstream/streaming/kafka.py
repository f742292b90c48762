"""Streams from and to Kafka topics."""

from __future__ import annotations

import json

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import TimestampType

from mdstream.config import Settings
from mdstream.config.kafka_login import client_login, spark_login
from mdstream.errors import QueryFailedError
from mdstream.schemas import Record
from mdstream.streaming.running import RunningQuery
from mdstream.streaming.triggers import Trigger

_ANSWER_SECONDS = 30

# A micro-batch knows where it ends, and by default a fetch waits half a second for what comes behind that.
_LONGEST_FETCH = "kafka.fetch.max.wait.ms"
_MICRO_BATCH_FETCH_MS = "10"


def read_topic(
    spark: SparkSession, settings: Settings, record: Record, max_offsets_per_trigger: int | None = None
) -> DataFrame:
    """Stream the topic of `record` from its beginning, or from where the query's checkpoint left off.

    Records that Kafka dropped before they were read stop the query: nothing is lost in silence.

    Args:
        spark: The session.
        settings: Broker, and the most records of a micro-batch, which real-time mode does not know.
        record: The record whose topic is read.
        max_offsets_per_trigger: Another limit of a micro-batch.

    Returns:
        Columns value (binary), topic, partition, offset and timestamp.
    """
    limit = str(max_offsets_per_trigger or settings.spark.max_offsets_per_trigger)
    source = {"subscribe": topic_of(record), "maxOffsetsPerTrigger": limit, _LONGEST_FETCH: _MICRO_BATCH_FETCH_MS}
    return _load(spark, settings, source)


def read_partitions(spark: SparkSession, settings: Settings, record: Record) -> list[DataFrame]:
    """Stream each partition of the topic of `record` on its own, as `read_topic` does the whole.

    Spark takes the newest event time of a stream for its watermark: a partition that is behind the others, after an
    outage or in a replay, would lose its records as late. Streams that each have a watermark of their own are held
    to the oldest of them when they are united. A partition without any record holds it for good, so that the state
    of what is there stays.

    Args:
        spark: The session.
        settings: Broker.
        record: The record whose topic is read.

    Returns:
        One frame a partition, with columns value (binary), topic, partition, offset and timestamp.

    Raises:
        QueryFailedError: The topic does not exist, or the broker does not answer.
    """
    topic = topic_of(record)
    return [
        _load(spark, settings, {"assign": json.dumps({topic: [partition]})})
        for partition in range(_partition_count(settings, topic))
    ]


def _load(spark: SparkSession, settings: Settings, source: dict[str, str]) -> DataFrame:
    reader = (
        spark.readStream.format("kafka")
        .options(**spark_login(settings.kafka))
        .option("startingOffsets", "earliest")
        .options(**source)
    )
    return reader.load().select("value", "topic", "partition", "offset", "timestamp")


def _partition_count(settings: Settings, topic: str) -> int:
    client = AdminClient(client_login(settings.kafka))
    try:
        found = client.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic]
    except KafkaException as exc:
        raise QueryFailedError(f"Kafka at {settings.kafka.bootstrap_servers} does not answer: {exc}") from exc
    if found.error is not None:
        raise QueryFailedError(f"topic {topic} cannot be read: {found.error}; 'mdstream topics create' makes it")
    return len(found.partitions)


def write_topic(frame: DataFrame, settings: Settings, record: Record, trigger: Trigger, name: str) -> RunningQuery:
    """Start a query that sends each updated row to the topic of `record` as JSON, keyed by symbol.

    Args:
        frame: A stream with the columns of `record`.
        settings: Broker, producer and checkpoint location.
        record: The record that the rows are.
        trigger: When rows are sent.
        name: Name of the query; its checkpoint is a folder of that name.
    """
    kafka = settings.kafka
    fields = [
        F.unix_micros(field.name).alias(field.name) if isinstance(field.dataType, TimestampType) else field.name
        for field in frame.schema.fields
    ]
    messages = frame.select(
        F.col("symbol").cast("binary").alias("key"), F.to_json(F.struct(*fields)).cast("binary").alias("value")
    )
    writer = (
        messages.writeStream.queryName(name)
        .outputMode("update")
        .format("kafka")
        .options(**spark_login(kafka))
        .option("kafka.compression.type", kafka.compression)
        .option("kafka.linger.ms", str(int(kafka.linger_ms)))
        .option("kafka.batch.size", str(kafka.batch_size))
        .option("topic", topic_of(record))
        .option("checkpointLocation", checkpoint_of(settings, name))
    )

    def start() -> RunningQuery:
        return RunningQuery(trigger.apply(writer).start(), trigger.real_time, start if trigger.real_time else None)

    return start()


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
