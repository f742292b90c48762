"""The stores that are switched on."""

from __future__ import annotations

from mdstream.config import Settings
from mdstream.kafka.sink import KafkaSink
from mdstream.schemas import BAR, PREDICTION, STORED_TICK, Record
from mdstream.stores.base import Sink
from mdstream.stores.influxdb.sink import InfluxSink
from mdstream.stores.redis.sink import RedisBarSink, RedisIndicatorSink, RedisLatestPriceSink, RedisPredictionSink
from mdstream.stores.timescaledb import TimescaleSink

_READ_FROM_KAFKA = (STORED_TICK, BAR)
"""Records that are in their topic already when they are stored: only results are sent there."""


_ONLY_THE_NEWEST = (RedisBarSink, RedisIndicatorSink, RedisLatestPriceSink, RedisPredictionSink, KafkaSink)
"""Stores for which the past is no news: it would look like the present, and alert people."""


def configured_sinks(settings: Settings, record: Record) -> tuple[Sink, ...]:
    """Return a sink for each store that is switched on and takes `record`, the database first.

    Args:
        settings: All settings; `stores` has the switches, one `enabled` a store.
        record: What is to be stored: `STORED_TICK`, `BAR`, `settings.indicator_record`, `ANOMALY`,
            `PREDICTION`.

    Example:
        >>> configured_sinks(Settings(), STORED_TICK)  # doctest: +ELLIPSIS
        (TimescaleSink(...), RedisLatestPriceSink(...))
    """
    stores = settings.stores
    sinks: list[Sink] = []
    if stores.timescaledb.enabled and record.table is not None:
        sinks.append(TimescaleSink(stores.timescaledb, record))
    if stores.redis.enabled and record == STORED_TICK:
        sinks.append(RedisLatestPriceSink(stores.redis))
    if stores.redis.enabled and record == BAR:
        sinks.append(RedisBarSink(stores.redis))
    if stores.redis.enabled and record == settings.indicator_record:
        sinks.append(RedisIndicatorSink(stores.redis, record))
    if stores.redis.enabled and record == PREDICTION:
        sinks.append(RedisPredictionSink(stores.redis))
    if stores.influxdb.enabled and record.measurement is not None:
        sinks.append(InfluxSink(stores.influxdb, record))
    if stores.kafka.enabled and record.topic is not None and record not in _READ_FROM_KAFKA:
        sinks.append(KafkaSink(settings.kafka, record))
    return tuple(sinks)


def stored_sinks(settings: Settings, record: Record) -> tuple[Sink, ...]:
    """Return a sink for each store that is switched on and takes `record`, which is in its topic already.

    Args:
        settings: All settings.
        record: What is to be stored, see `configured_sinks`.

    Example:
        >>> stored_sinks(Settings(), BAR)  # doctest: +ELLIPSIS
        (TimescaleSink(...), RedisBarSink(...))
    """
    return tuple(sink for sink in configured_sinks(settings, record) if not isinstance(sink, KafkaSink))


def lasting_sinks(settings: Settings, record: Record) -> tuple[Sink, ...]:
    """Return a sink for each store that is switched on, takes `record` and keeps the past: not Redis and Kafka.

    Args:
        settings: All settings.
        record: What is to be stored, see `configured_sinks`.

    Example:
        >>> lasting_sinks(Settings(), BAR)  # doctest: +ELLIPSIS
        (TimescaleSink(...),)
    """
    return tuple(sink for sink in configured_sinks(settings, record) if not isinstance(sink, _ONLY_THE_NEWEST))
