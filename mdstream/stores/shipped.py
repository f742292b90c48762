"""The stores that come with mdstream, as pyproject.toml registers them; the job archive fills the lake."""

from __future__ import annotations

from mdstream.config import InfluxSettings, KafkaResultSettings, RedisSettings, Settings, TimescaleSettings
from mdstream.kafka.sink import KafkaSink
from mdstream.schemas import BAR, PREDICTION, STORED_TICK, Record
from mdstream.stores.base import Sink
from mdstream.stores.extension import StoreExtension
from mdstream.stores.influxdb.sink import InfluxSink
from mdstream.stores.redis.sink import RedisBarSink, RedisIndicatorSink, RedisLatestPriceSink, RedisPredictionSink
from mdstream.stores.timescaledb import TimescaleSink

_READ_FROM_KAFKA = (STORED_TICK, BAR)
"""Records that are in their topic already when they are stored: only results are sent there."""


def _timescaledb(own: TimescaleSettings, record: Record, _: Settings) -> Sink | None:
    return None if record.table is None else TimescaleSink(own, record)


def _redis(own: RedisSettings, record: Record, settings: Settings) -> Sink | None:
    if record == STORED_TICK:
        return RedisLatestPriceSink(own)
    if record == BAR:
        return RedisBarSink(own)
    if record == PREDICTION:
        return RedisPredictionSink(own)
    return RedisIndicatorSink(own, record) if record == settings.indicator_record else None


def _influxdb(own: InfluxSettings, record: Record, _: Settings) -> Sink | None:
    return None if record.measurement is None else InfluxSink(own, record)


def _kafka(_: KafkaResultSettings, record: Record, settings: Settings) -> Sink | None:
    return None if record.topic is None or record in _READ_FROM_KAFKA else KafkaSink(settings.kafka, record)


TIMESCALEDB = StoreExtension(settings=TimescaleSettings, open_sink=_timescaledb)
REDIS = StoreExtension(settings=RedisSettings, open_sink=_redis, keeps_past=False)
INFLUXDB = StoreExtension(settings=InfluxSettings, open_sink=_influxdb)
KAFKA = StoreExtension(settings=KafkaResultSettings, open_sink=_kafka, keeps_past=False, is_topic=True)
