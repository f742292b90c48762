"""The job `analytics` while one of its stores is away, after the database has taken what the store has not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from jobs import analytics
from mdstream.config import InfluxSettings, KafkaSettings, RedisSettings, Settings, SparkSettings, TimescaleSettings
from mdstream.config.stores import KafkaResultSettings, StoreSettings
from mdstream.embedded import LocalKafka
from mdstream.embedded.server import HOST, LocalServer
from mdstream.kafka.topics import create_topics, plan_topics
from mdstream.schemas import BAR, Record
from mdstream.schemas.wire import decode, encode
from mdstream.stores.timescaledb import create_schema
from mdstream.stores.timescaledb.database_url import database_url
from tests.servers.stores.stores import InfluxStore, RedisStore, Row, Store, TableStore
from tests.servers.streaming.real_bars import assert_stored_indicators_are_talibs, real_bars, send
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow]

_SECONDS = 120
_BARS = 600


class Hangup:
    """What listens in a server's place and hangs up on everyone, for as long as a `with` block."""

    def __init__(self, port: int) -> None:
        self._calls: list[float] = []
        self._socket = socket.create_server((HOST, port))
        self._thread = threading.Thread(target=self._hang_up)

    def __enter__(self) -> Hangup:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    @property
    def seconds(self) -> float:
        """How long callers have not given up."""
        return self._calls[-1] - self._calls[0] if self._calls else 0

    def _hang_up(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            caller.close()
            self._calls.append(time.monotonic())


@dataclass(frozen=True)
class Case:
    """A store that goes away.

    Attributes:
        stores: Settings of it and of the database.
        server: Its server.
        holds: What it holds of a record.
        keeps: Which of all rows it keeps.
    """

    stores: StoreSettings
    server: LocalServer
    holds: Callable[[Record], Store]
    keeps: Callable[[list[Row]], list[Row]]


def newest_of_each_symbol(rows: list[Row]) -> list[Row]:
    newest = {row["symbol"]: row for row in sorted(rows, key=lambda row: row["window_start"])}
    return [newest[symbol] for symbol in sorted(newest)]


def case_of_redis(database: TimescaleSettings, cache: RedisSettings, server: LocalServer) -> Case:
    stores = StoreSettings(timescaledb=database, redis=cache, kafka=KafkaResultSettings(enabled=False))
    return Case(stores, server, lambda record: RedisStore(cache, server, record), newest_of_each_symbol)


def case_of_influxdb(database: TimescaleSettings, bucket: InfluxSettings, server: LocalServer) -> Case:
    stores = StoreSettings(
        timescaledb=database,
        redis=RedisSettings(enabled=False),
        influxdb=bucket,
        kafka=KafkaResultSettings(enabled=False),
    )
    return Case(stores, server, lambda record: InfluxStore(bucket, server, record), lambda rows: rows)


@pytest.fixture(params=["Redis", "InfluxDB"])
def case(request: pytest.FixtureRequest, fresh_database: TimescaleSettings) -> Case:
    get = request.getfixturevalue
    if request.param == "Redis":
        return case_of_redis(fresh_database, get("fresh_redis"), get("redis_server"))
    return case_of_influxdb(fresh_database, get("fresh_influxdb"), get("influxdb_server"))


@pytest.fixture
def kafka() -> Iterator[KafkaSettings]:
    """A Kafka with all topics, and nothing in them."""
    with LocalKafka() as server:
        settings = Settings(kafka=KafkaSettings(bootstrap_servers=server.bootstrap_servers))
        create_topics(settings.kafka, plan_topics(settings))
        yield settings.kafka


@contextmanager
def job(spark: SparkSession, settings: Settings) -> Iterator[list[StreamingQuery]]:
    queries = [running.query for running in analytics.start(spark, settings)]
    try:
        yield queries
    finally:
        for query in queries:
            query.stop()


def test_a_store_that_is_away_is_waited_for_and_misses_nothing(
    spark: SparkSession, kafka: KafkaSettings, case: Case, tmp_path: Path
) -> None:
    settings = Settings(
        kafka=kafka,
        spark=SparkSettings(checkpoint_location=str(tmp_path)),
        stores=case.stores,
    )
    database = settings.stores.timescaledb
    create_schema(database, settings.table_records)
    engine = sa.create_engine(database_url(database), poolclass=sa.NullPool)
    bars = real_bars()[:_BARS]
    before, meanwhile = bars[: _BARS // 2], bars[_BARS // 2 :]

    def stored() -> list[int | None]:
        tables = ("aggregated_data", "technical_indicators")
        with engine.connect() as connection:
            return [connection.execute(sa.text(f"SELECT sum(trade_count) FROM {table}")).scalar() for table in tables]

    with job(spark, settings) as queries:
        send(kafka.bootstrap_servers, before)
        until(lambda: stored() == [2 * len(before)] * 2, _SECONDS)
        case.server.kill()
        try:
            with Hangup(case.server.port) as hangup:
                send(kafka.bootstrap_servers, meanwhile)
                until(lambda: hangup.seconds > 1, _SECONDS)
                assert all(query.isActive for query in queries)
        finally:
            case.server.start()
        until(lambda: stored() == [2 * len(bars)] * 2, _SECONDS)
        expected = case.keeps([decode(BAR, encode(bar)) for bar in sorted(bars, key=lambda bar: bar["symbol"])])
        until(lambda: case.holds(BAR).rows() == expected, _SECONDS)
        assert_stored_indicators_are_talibs(engine)
        record = settings.indicator_record
        indicators = case.keeps(TableStore(database, case.server, record).rows())
        until(lambda: case.holds(record).rows() == indicators, _SECONDS)
        assert all(query.isActive for query in queries)
