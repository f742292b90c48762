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
from mdstream.errors import InvalidInputError
from mdstream.schemas import ANOMALY, BAR, KAFKA_METRIC, LATENCY_METRIC, PREDICTION, STORED_QUOTE, STORED_TICK, Record
from mdstream.stores import (
    InfluxSink,
    KafkaSink,
    RedisSink,
    TimescaleSink,
    configured_sinks,
    lasting_sinks,
    stored_sinks,
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
            [TimescaleSink(DATABASE, STORED_TICK), RedisSink(REDIS, STORED_TICK), InfluxSink(INFLUXDB, STORED_TICK)],
        ),
        (STORED_QUOTE, [TimescaleSink(DATABASE, STORED_QUOTE)]),
        (BAR, [TimescaleSink(DATABASE, BAR), RedisSink(REDIS, BAR), InfluxSink(INFLUXDB, BAR)]),
        (
            INDICATOR,
            [
                TimescaleSink(DATABASE, INDICATOR),
                RedisSink(REDIS, INDICATOR),
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
            [
                TimescaleSink(DATABASE, PREDICTION),
                RedisSink(REDIS, PREDICTION),
                KafkaSink(EVERYTHING.kafka, PREDICTION),
            ],
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
        ("redis", "RedisSink"),
        ("influxdb", "InfluxSink"),
        ("kafka", "KafkaSink"),
    ],
)
def test_each_store_can_be_switched_off(switch: str, kind: str) -> None:
    kinds = [type(sink).__name__ for sink in configured_sinks(settings(**{switch: False}), INDICATOR)]
    assert kind not in kinds
    assert len(kinds) == 3


def test_what_is_in_its_topic_is_not_sent_there_again() -> None:
    assert stored_sinks(EVERYTHING, ANOMALY) == (TimescaleSink(DATABASE, ANOMALY), InfluxSink(INFLUXDB, ANOMALY))


def test_the_past_goes_where_it_is_kept() -> None:
    assert lasting_sinks(EVERYTHING, BAR) == (TimescaleSink(DATABASE, BAR), InfluxSink(INFLUXDB, BAR))


def test_redis_says_what_it_cannot_hold() -> None:
    with pytest.raises(InvalidInputError, match="anomaly is not kept in Redis"):
        RedisSink(REDIS, ANOMALY)


def test_with_nothing_switched_on_there_is_nothing() -> None:
    nothing = settings(database=False, redis=False, influxdb=False, kafka=False)
    assert [configured_sinks(nothing, record) for record in (STORED_TICK, BAR, INDICATOR, ANOMALY, PREDICTION)] == [
        ()
    ] * 5


def test_influxdb_is_off_unless_it_is_asked_for() -> None:
    assert not any(isinstance(sink, InfluxSink) for sink in configured_sinks(Settings(), BAR))
