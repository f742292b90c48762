"""The job analytics, from bars in Kafka to forecasts in every store that takes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pytest
import redis
import sqlalchemy as sa
from pyspark.sql import SparkSession

from jobs import analytics
from mdstream.config import ForecastSettings, KafkaSettings, RedisSettings, Settings, SparkSettings, StoreSettings
from mdstream.config.stores import TimescaleSettings
from mdstream.embedded import LocalKafka
from mdstream.forecasting.samples import ClosedBars
from mdstream.forecasting.store import ModelStore
from mdstream.forecasting.training import train
from mdstream.kafka.topics import create_topics, plan_topics
from mdstream.schemas import BAR, PREDICTION
from mdstream.schemas.wire import decode
from mdstream.stores import KafkaSink
from mdstream.stores.timescaledb import create_schema
from mdstream.stores.timescaledb.connection import engine_of
from tests.servers.forecasting.test_stored import bar
from tests.servers.stores.stores import read_topic
from tests.unit.forecasting.series import MINUTE, QUICK, autoregressive
from tests.waiting import until

pytestmark = pytest.mark.servers

_LEARNED, _STREAMED = 300, 60


@pytest.mark.slow
def test_a_bar_that_closes_is_forecast_in_the_database_in_redis_and_in_kafka(
    spark: SparkSession, fresh_database: TimescaleSettings, fresh_redis: RedisSettings, tmp_path: Path
) -> None:
    moves = autoregressive(_LEARNED + _STREAMED, 0.5)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    ends = [now - timedelta(minutes=_LEARNED + _STREAMED - 1 - place) for place in range(_LEARNED + _STREAMED)]
    naive = np.array([end.replace(tzinfo=None) for end in ends[:_LEARNED]], "M8[us]")
    models = ModelStore(tmp_path / "models")
    learned = ClosedBars(naive, moves.close[:_LEARNED], moves.volume[:_LEARNED])
    model = train("AAPL", learned, MINUTE, 30, QUICK, models)
    with LocalKafka() as kafka:
        settings = Settings(
            kafka=KafkaSettings(bootstrap_servers=kafka.bootstrap_servers),
            stores=StoreSettings(timescaledb=fresh_database, redis=fresh_redis),
            spark=SparkSettings(checkpoint_location=str(tmp_path / "checkpoints")),
            forecasting=ForecastSettings(models=tmp_path / "models", horizons_minutes=(30,)),
        )
        create_topics(settings.kafka, plan_topics(settings))
        create_schema(fresh_database, settings.table_records)
        streamed = [
            bar("AAPL", end - timedelta(minutes=1), float(close), float(volume))
            for end, close, volume in zip(ends[_LEARNED:], moves.close[_LEARNED:], moves.volume[_LEARNED:], strict=True)
        ]
        forming = bar("AAPL", now, 77.0)
        KafkaSink(settings.kafka, BAR).write(pa.RecordBatch.from_pylist([*streamed, forming], schema=BAR.schema))
        queries = analytics.start(spark, settings)
        try:
            # Kafka is the last of the stores.
            until(lambda: read_topic(kafka.bootstrap_servers, str(PREDICTION.topic)), 180)
        finally:
            for running in queries:
                running.query.stop()
        [topic] = read_topic(kafka.bootstrap_servers, str(PREDICTION.topic))
    with engine_of(fresh_database).connect() as connection:
        [row] = [dict(found) for found in connection.execute(sa.text("SELECT * FROM predictions")).mappings()]
    assert row["target_time"] == now + timedelta(minutes=30)
    assert row["last_price"] == row["naive_price"] == moves.close[-1]
    assert row["lower"] <= row["predicted_price"] <= row["upper"]
    assert (row["model_version"], row["relative_mae"]) == (model.version, model.relative_mae)
    assert decode(PREDICTION, topic.value) == row
    with redis.Redis(port=fresh_redis.port) as client:
        kept = client.hgetall("predictions:AAPL")
    assert {horizon: decode(PREDICTION, value) for horizon, value in kept.items()} == {b"30": row}
    assert orjson.loads(topic.value)["target_time"] == int(row["target_time"].timestamp()) * 1_000_000
