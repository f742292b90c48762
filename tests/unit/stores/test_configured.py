from __future__ import annotations

import pytest

from mdstream.config import (
    InfluxSettings,
    KafkaResultSettings,
    KafkaSettings,
    RedisSettings,
    Settings,
    StoreSettings,
    TimescaleSettings,
)
from mdstream.schemas import ANOMALY, BAR, KAFKA_METRIC, LATENCY_METRIC, PREDICTION, STORED_TICK, Record
from mdstream.stores import (
    InfluxSink,
    KafkaSink,
    RedisBarSink,
    RedisIndicatorSink,
    RedisLatestPriceSink,
    RedisPredictionSink,
    TimescaleSink,
    configured_sinks,
)

INDICATOR = Settings().indicator_record


def settings(database: bool = True, redis: bool = True, influxdb: bool = True, kafka: bool = True) -> Settings:
    return Settings(
        kafka=KafkaSettings(bootstrap_servers="broker:9092"),
        stores=StoreSettings(
            timescaledb=TimescaleSettings(enabled=database, host="database"),
            redis=RedisSettings(enabled=redis, host="redis"),
            influxdb=InfluxSettings(enabled=influxdb, bucket="metrics"),
            kafka=KafkaResultSettings(enabled=kafka),
        ),
    )


EVERYTHING = settings()
DATABASE, REDIS, INFLUXDB = EVERYTHING.stores.timescaledb, EVERYTHING.stores.redis, EVERYTHING.stores.influxdb


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            STORED_TICK,
            [TimescaleSink(DATABASE, STORED_TICK), RedisLatestPriceSink(REDIS), InfluxSink(INFLUXDB, STORED_TICK)],
        ),
        (BAR, [TimescaleSink(DATABASE, BAR), RedisBarSink(REDIS), InfluxSink(INFLUXDB, BAR)]),
        (
            INDICATOR,
            [
                TimescaleSink(DATABASE, INDICATOR),
                RedisIndicatorSink(REDIS, INDICATOR),
                InfluxSink(INFLUXDB, INDICATOR),
                KafkaSink(EVERYTHING.kafka, INDICATOR),
            ],
        ),
        (
            ANOMALY,
            [TimescaleSink(DATABASE, ANOMALY), InfluxSink(INFLUXDB, ANOMALY), KafkaSink(EVERYTHING.kafka, ANOMALY)],
        ),
        (
            PREDICTION,
            [TimescaleSink(DATABASE, PREDICTION), RedisPredictionSink(REDIS), KafkaSink(EVERYTHING.kafka, PREDICTION)],
        ),
        (LATENCY_METRIC, [InfluxSink(INFLUXDB, LATENCY_METRIC)]),
        (KAFKA_METRIC, [InfluxSink(INFLUXDB, KAFKA_METRIC)]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_record_goes_to_all_stores_that_take_it(record: Record, expected: list[object]) -> None:
    assert list(configured_sinks(EVERYTHING, record)) == expected


@pytest.mark.parametrize(
    ("switch", "kind"),
    [
        ("database", "TimescaleSink"),
        ("redis", "RedisIndicatorSink"),
        ("influxdb", "InfluxSink"),
        ("kafka", "KafkaSink"),
    ],
)
def test_each_store_can_be_switched_off(switch: str, kind: str) -> None:
    kinds = [type(sink).__name__ for sink in configured_sinks(settings(**{switch: False}), INDICATOR)]
    assert kind not in kinds
    assert len(kinds) == 3


def test_with_nothing_switched_on_there_is_nothing() -> None:
    nothing = settings(database=False, redis=False, influxdb=False, kafka=False)
    assert [configured_sinks(nothing, record) for record in (STORED_TICK, BAR, INDICATOR, ANOMALY, PREDICTION)] == [
        ()
    ] * 5


def test_influxdb_is_off_unless_it_is_asked_for() -> None:
    assert not any(isinstance(sink, InfluxSink) for sink in configured_sinks(Settings(), BAR))
