"""Streams from and to Kafka topics."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import TimestampType

from mdstream.config import Settings
from mdstream.schemas import Record
from mdstream.streaming.lifecycle import RunningQuery
from mdstream.streaming.triggers import Trigger


def read_topic(spark: SparkSession, settings: Settings, record: Record, *, limited: bool = False) -> DataFrame:
    """Stream the topic of `record` from its beginning, or from where the query's checkpoint left off.

    Records that Kafka dropped before they were read stop the query: nothing is lost in silence.

    Args:
        spark: The session.
        settings: Broker, and the most records of a micro-batch.
        record: The record whose topic is read.
        limited: Whether micro-batches are limited in size; real-time mode has no such limit.

    Returns:
        Columns value (binary), topic, partition, offset and timestamp.
    """
    reader = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka.bootstrap_servers)
        .option("subscribe", topic_of(record))
        .option("startingOffsets", "earliest")
    )
    if limited:
        reader = reader.option("maxOffsetsPerTrigger", settings.spark.max_offsets_per_trigger)
    return reader.load().select("value", "topic", "partition", "offset", "timestamp")


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
        .option("kafka.bootstrap.servers", kafka.bootstrap_servers)
        .option("kafka.compression.type", kafka.compression)
        .option("topic", topic_of(record))
        .option("checkpointLocation", checkpoint_of(settings, name))
    )
    return RunningQuery(trigger.apply(writer).start(), trigger.real_time)


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
