"""The stores that there are, what each can hold, and which are switched on."""

from __future__ import annotations

from collections.abc import Iterable

from mdstream.config import Settings
from mdstream.kafka.sink import KafkaSink
from mdstream.schemas import BAR, STORED_TICK, Record
from mdstream.stores.base import Sink, Store
from mdstream.stores.influxdb.sink import InfluxSink
from mdstream.stores.redis.sink import RedisSink
from mdstream.stores.redis.sink import holds as redis_holds
from mdstream.stores.timescaledb.sink import TimescaleSink

_READ_FROM_KAFKA = (STORED_TICK, BAR)
"""Records that are in their topic already when they are stored: only results are sent there."""

TIMESCALEDB = Store(
    is_on=lambda settings: settings.stores.timescaledb.enabled,
    holds=lambda record: record.table is not None,
    sink=lambda settings, record: TimescaleSink(settings.stores.timescaledb, record),
    is_lasting=True,
)
REDIS = Store(
    is_on=lambda settings: settings.stores.redis.enabled,
    holds=redis_holds,
    sink=lambda settings, record: RedisSink(settings.stores.redis, record),
)
INFLUXDB = Store(
    is_on=lambda settings: settings.stores.influxdb.enabled,
    holds=lambda record: record.measurement is not None,
    sink=lambda settings, record: InfluxSink(settings.stores.influxdb, record),
    is_lasting=True,
)
TOPICS = Store(
    is_on=lambda settings: settings.stores.kafka.enabled,
    holds=lambda record: record.topic is not None and record not in _READ_FROM_KAFKA,
    sink=lambda settings, record: KafkaSink(settings.kafka, record),
)

STORES = (TIMESCALEDB, REDIS, INFLUXDB, TOPICS)
"""Where records are written, the database first."""


def configured_sinks(settings: Settings, record: Record, stores: Iterable[Store] = STORES) -> tuple[Sink, ...]:
    """Return a sink for each store that is switched on and takes `record`, the database first.

    Args:
        settings: All settings; `stores` has the switches, one `enabled` a store.
        record: What is to be stored: `STORED_TICK`, `BAR`, `settings.indicator_record`, `ANOMALY`,
            `PREDICTION`.
        stores: Which stores.

    Example:
        >>> configured_sinks(Settings(), STORED_TICK)  # doctest: +ELLIPSIS
        (TimescaleSink(...), RedisSink(...))
    """
    return tuple(store.sink(settings, record) for store in stores if store.is_on(settings) and store.holds(record))


def stored_sinks(settings: Settings, record: Record) -> tuple[Sink, ...]:
    """Return a sink for each store that is switched on and takes `record`, which is in its topic already.

    Args:
        settings: All settings.
        record: What is to be stored, see `configured_sinks`.

    Example:
        >>> stored_sinks(Settings(), BAR)  # doctest: +ELLIPSIS
        (TimescaleSink(...), RedisSink(...))
    """
    return configured_sinks(settings, record, (store for store in STORES if store is not TOPICS))


def lasting_sinks(settings: Settings, record: Record) -> tuple[Sink, ...]:
    """Return a sink for each store that is switched on, takes `record` and keeps the past: not Redis and Kafka.

    Args:
        settings: All settings.
        record: What is to be stored, see `configured_sinks`.

    Example:
        >>> lasting_sinks(Settings(), BAR)  # doctest: +ELLIPSIS
        (TimescaleSink(...),)
    """
    return configured_sinks(settings, record, (store for store in STORES if store.is_lasting))
