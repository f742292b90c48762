"""The sink and the upkeep on a real TimescaleDB, which no package registry has: it is used where there is one."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import psycopg2
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from mdstream.config import Settings, TimescaleSettings
from mdstream.schemas import ANOMALY, BAR, STORED_TICK
from mdstream.stores import TimescaleSink
from mdstream.stores.timescaledb import create_schema, maintain
from mdstream.stores.timescaledb.connection import engine_of
from tests.servers.stores.timescaledb.test_timescale_sink import ask
from tests.unit.stores.rows import INDICATOR, RECORDS, anomaly, bar, bars, batch_of, indicator, tick, ticks

pytestmark = pytest.mark.servers

VARIABLE = "TIMESCALEDB_TEST_URL"
"""Environment variable with the URL of a role that may create databases and the extension."""


@contextmanager
def _administrator(url: sa.URL, database: str | None = None) -> Iterator[psycopg2.extensions.cursor]:
    connection = psycopg2.connect(
        host=url.host,
        port=url.port or 5432,
        user=url.username,
        password=url.password,
        dbname=database or url.database or "postgres",
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@pytest.fixture
def database() -> Iterator[TimescaleSettings]:
    """An empty database with the extension."""
    if not os.environ.get(VARIABLE):
        pytest.skip(
            f"TimescaleDB: set {VARIABLE} to the URL of one, e.g. postgresql://postgres@127.0.0.1:5432/postgres"
        )
    url = sa.make_url(os.environ[VARIABLE])
    name = f"test_{uuid.uuid4().hex}"
    with _administrator(url) as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    with _administrator(url, name) as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    # The retention job starts on its own at once: it must find nothing to do unless a test wants it.
    yield TimescaleSettings(
        retention_days=36_500,
        host=str(url.host),
        port=url.port or 5432,
        database=name,
        user=str(url.username),
        password=SecretStr(str(url.password or "")),
    )
    with _administrator(url) as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def today() -> date:
    """The real one: the jobs of TimescaleDB go by its own clock."""
    return datetime.now(UTC).date()


def days_ago(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)


def compress_all(database: TimescaleSettings, table: str) -> int:
    return len(ask(database, f"SELECT compress_chunk(chunk, true) FROM show_chunks('{table}') chunk"))


def test_tables_become_hypertables_once(database: TimescaleSettings) -> None:
    promised = maintain(database, RECORDS, today(), dry_run=True)
    assert ask(database, "SELECT count(*) FROM timescaledb_information.hypertables") == [(0,)]
    assert [str(step) for step in maintain(database, RECORDS, today())] == [str(step) for step in promised]
    assert maintain(database, RECORDS, today()) == []
    assert create_schema(database, RECORDS) == []
    tables = "SELECT hypertable_name::text, compression_enabled FROM timescaledb_information.hypertables ORDER BY 1"
    assert ask(database, tables) == [("aggregated_data", True), ("tick_data", True)]


def test_jobs_follow_the_settings(database: TimescaleSettings) -> None:
    maintain(database, RECORDS, today())
    maintain(database.model_copy(update={"compress_after_days": 2, "retention_days": 90}), RECORDS, today())
    jobs = ask(
        database,
        "SELECT hypertable_name::text, proc_name::text, coalesce(config->>'compress_after', config->>'drop_after')"
        " FROM timescaledb_information.jobs WHERE hypertable_name IS NOT NULL ORDER BY 1, 2",
    )
    assert jobs == [
        (table, job, days)
        for table in ("aggregated_data", "tick_data")
        for job, days in (("policy_compression", "2 days"), ("policy_retention", "90 days"))
    ]


def test_many_may_create_at_the_same_time(database: TimescaleSettings) -> None:
    start = threading.Barrier(4)

    def create(_: int) -> int:
        start.wait()
        return len(maintain(database, RECORDS, today()))

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(create, range(4))) == [0, 0, 0, 8]


def test_compressed_rows_are_still_unique_and_revised(database: TimescaleSettings) -> None:
    maintain(database, RECORDS, today())
    bar_sink, tick_sink = TimescaleSink(database, BAR), TimescaleSink(database, STORED_TICK)
    printed = ticks(*(tick(symbol, offset=number) for number in range(500) for symbol in ("A", "B")))
    bar_sink.write(bars(*(bar(minute=minute, trade_count=5, close=5.0) for minute in range(300))))
    tick_sink.write(printed)
    assert compress_all(database, "aggregated_data") + compress_all(database, "tick_data") == 2
    tick_sink.write(printed)
    assert ask(database, "SELECT count(*) FROM tick_data") == [(1000,)]
    for trade_count in (4, 6):
        close = float(trade_count)
        bar_sink.write(bars(*(bar(minute=minute, trade_count=trade_count, close=close) for minute in range(300))))
    assert ask(database, "SELECT count(*), min(close), max(close) FROM aggregated_data") == [(300, 6.0, 6.0)]


def test_retention_drops_by_the_time_in_the_row_and_says_so(database: TimescaleSettings) -> None:
    create_schema(database, RECORDS)
    rows = [tick(event_time=days_ago(days), offset=days) for days in (0, 10, 400, 401, 4000)]
    TimescaleSink(database, STORED_TICK).write(ticks(*rows))
    first = maintain(database.model_copy(update={"retention_days": 365}), RECORDS, today())[0]
    assert (first.action, first.detail.partition(",")[0]) == (
        "drop old chunks",
        f"3 rows in 3 chunks from {days_ago(4000):%Y-%m-%d} on",
    )
    assert ask(database, "SELECT kafka_offset FROM tick_data ORDER BY 1") == [(0,), (10,)]


def test_a_missing_column_is_added_to_compressed_tables_too(database: TimescaleSettings) -> None:
    maintain(database, RECORDS, today())
    sink = TimescaleSink(database, STORED_TICK)
    sink.write(ticks(tick()))
    with engine_of(database).begin() as connection:
        connection.execute(sa.text("ALTER TABLE tick_data DROP COLUMN conditions"))
    compress_all(database, "tick_data")
    assert [step.action for step in maintain(database, RECORDS, today())] == ["add column"]
    sink.write(ticks(tick(offset=1, conditions=["@"])))
    assert ask(database, "SELECT conditions FROM tick_data ORDER BY kafka_offset") == [(None,), (["@"],)]


def test_parallel_writers_make_new_days(database: TimescaleSettings) -> None:
    maintain(database, RECORDS, today())
    start = threading.Barrier(4)

    def write(thread: int) -> None:
        sink = TimescaleSink(database, STORED_TICK)
        start.wait()
        for days in range(20) if thread % 2 else reversed(range(20)):
            rows = [
                tick(f"S{n}", event_time=days_ago(days), partition=thread, offset=days * 100 + n) for n in range(100)
            ]
            sink.write(ticks(*rows))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert ask(database, "SELECT count(*) FROM tick_data") == [(8000,)]


def test_indicators_and_anomalies_are_kept_alike(database: TimescaleSettings) -> None:
    records = Settings(technical_indicators={"rsi": {"period": 14}, "macd": {}}).table_records
    maintain(database, records, today())
    assert maintain(database, records, today()) == []
    tables = "SELECT hypertable_name::text, compression_enabled FROM timescaledb_information.hypertables ORDER BY 1"
    names = ["aggregated_data", "anomalies", "predictions", "technical_indicators", "tick_data"]
    assert ask(database, tables) == [(name, True) for name in names]
    jobs = "SELECT hypertable_name::text, count(*) FROM timescaledb_information.jobs GROUP BY 1 ORDER BY 1"
    assert [row for row in ask(database, jobs) if row[0]] == [(name, 2) for name in names]
    for record, rows in (
        (INDICATOR, [indicator(minute=n, trade_count=5, rsi=50.0) for n in range(300)]),
        (ANOMALY, [anomaly(rule=rule, minute=n, trade_count=5) for n in range(300) for rule in ("one", "two")]),
    ):
        TimescaleSink(database, record).write(batch_of(record, rows))
        assert compress_all(database, str(record.table)) == 1
        # Equal revisions replace, older ones do not, in compressed rows too.
        sink = TimescaleSink(database, record)
        column = "rsi_14" if record is INDICATOR else "value"
        sink.write(batch_of(record, [row | {column: 60.0} for row in rows]))
        sink.write(batch_of(record, [row | {column: 70.0, "trade_count": 4} for row in rows]))
        query = f"SELECT count(*), min({column}), max({column}) FROM {record.table}"
        assert ask(database, query) == [(len(rows), 60.0, 60.0)]


def test_a_new_indicator_gets_its_column_in_compressed_tables(database: TimescaleSettings) -> None:
    maintain(database, [INDICATOR], today())
    TimescaleSink(database, INDICATOR).write(batch_of(INDICATOR, [indicator(rsi=50.0)]))
    compress_all(database, "technical_indicators")
    more = Settings(technical_indicators={"rsi": {"period": 14}, "macd": {}, "sma": {"period": 5}}).indicator_record
    assert [step.detail for step in maintain(database, [more], today())] == ["sma_5"]
    TimescaleSink(database, more).write(batch_of(more, [indicator(rsi=50.0) | {"sma_5": 1.5}]))
    assert ask(database, "SELECT rsi_14, sma_5 FROM technical_indicators") == [(50.0, 1.5)]
