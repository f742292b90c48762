"""Stores that take batches of records: idempotent, picklable, without Spark."""

from mdstream.errors import brought_by

with brought_by("jobs"):
    from mdstream.sinks.base import Sink
    from mdstream.sinks.configured import configured_sinks, lasting_sinks, stored_sinks
    from mdstream.sinks.influxdb import InfluxSink
    from mdstream.sinks.kafka import KafkaSink
    from mdstream.sinks.memory import MemorySink
    from mdstream.sinks.postgres import TimescaleSink
    from mdstream.sinks.redis import RedisBarSink, RedisIndicatorSink, RedisLatestPriceSink, RedisPredictionSink

__all__ = [
    "InfluxSink",
    "KafkaSink",
    "MemorySink",
    "RedisBarSink",
    "RedisIndicatorSink",
    "RedisLatestPriceSink",
    "RedisPredictionSink",
    "Sink",
    "TimescaleSink",
    "configured_sinks",
    "lasting_sinks",
    "stored_sinks",
]
