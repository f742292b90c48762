"""The stores that come with mdstream, as pyproject.toml registers them; the job archive fills the lake."""

from __future__ import annotations

from mdstream.config import InfluxSettings, KafkaResultSettings, RedisSettings, Settings, TimescaleSettings
from mdstream.kafka.sink import KafkaSink
from mdstream.schemas import BAR, STORED_QUOTE, STORED_TICK, Record
from mdstream.stores.extension import StoreExtension
from mdstream.stores.influxdb.sink import InfluxSink
from mdstream.stores.redis.sink import RedisSink
from mdstream.stores.redis.sink import holds as redis_holds
from mdstream.stores.timescaledb.sink import TimescaleSink

_READ_FROM_KAFKA = (STORED_TICK, STORED_QUOTE, BAR)
"""Records that are in their topic already when they are stored: only results are sent there."""


def _timescaledb(own: TimescaleSettings, record: Record, _: Settings) -> TimescaleSink:
    return TimescaleSink(own, record)


def _redis(own: RedisSettings, record: Record, _: Settings) -> RedisSink:
    return RedisSink(own, record)


def _influxdb(own: InfluxSettings, record: Record, _: Settings) -> InfluxSink:
    return InfluxSink(own, record)


def _topic(_: KafkaResultSettings, record: Record, settings: Settings) -> KafkaSink:
    return KafkaSink(settings.kafka, record)


TIMESCALEDB = StoreExtension(
    settings=TimescaleSettings, holds=lambda record: record.table is not None, open_sink=_timescaledb
)
REDIS = StoreExtension(settings=RedisSettings, holds=redis_holds, open_sink=_redis, keeps_past=False)
INFLUXDB = StoreExtension(
    settings=InfluxSettings, holds=lambda record: record.measurement is not None, open_sink=_influxdb
)
KAFKA = StoreExtension(
    settings=KafkaResultSettings,
    holds=lambda record: record.topic is not None and record not in _READ_FROM_KAFKA,
    open_sink=_topic,
    keeps_past=False,
    is_topic=True,
)
