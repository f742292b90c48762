"""Tables, policies and queries on TimescaleDB, one statement at a time; `test_hypertables` has the sink's COPY."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from mdstream.config import Settings, TimescaleSettings
from mdstream.schemas import ANOMALY, BAR, STORED_QUOTE, STORED_TICK, Record
from mdstream.stores.timescaledb import maintain
from mdstream.stores.timescaledb.connection import engine_of
from mdstream.stores.timescaledb.series import StoredSeries, newest_tick, stored_symbols
from mdstream.stores.timescaledb.sink import _incoming, _upsert
from tests.servers.timescaledb import LocalTimescaleDB, missing_tools
from tests.unit.stores.rows import INDICATOR, anomaly, bar, indicator, tick

pytestmark = pytest.mark.servers

RECORDS = (STORED_TICK, STORED_QUOTE, BAR, INDICATOR, ANOMALY)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalTimescaleDB]:
    if missing_tools():
        pytest.skip(f"TimescaleDB: its WebAssembly needs {' and '.join(missing_tools())}")
    with LocalTimescaleDB() as server:
        yield server
        engine_of(server.settings).dispose()


@pytest.fixture
def database(server: LocalTimescaleDB) -> TimescaleSettings:
    """A database without tables."""
    with engine_of(server.settings).begin() as connection:
        for record in RECORDS:
            connection.execute(sa.text(f"DROP TABLE IF EXISTS {record.table}"))
    return server.settings


def today() -> date:
    return datetime.now(UTC).date()


def ask(database: TimescaleSettings, query: str) -> list[tuple[Any, ...]]:
    with engine_of(database).begin() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def store(database: TimescaleSettings, record: Record, *rows: dict[str, Any]) -> None:
    """Do what the sink does, with INSERT in place of COPY, which this server dies of."""
    with engine_of(database).begin() as connection:
        connection.execute(CreateTable(_incoming(record), if_not_exists=True))
        connection.execute(sa.insert(_incoming(record)), list(rows))
        connection.execute(_upsert(record))


def test_every_table_is_a_hypertable_with_jobs_once(database: TimescaleSettings) -> None:
    promised = maintain(database, RECORDS, today(), dry_run=True)
    assert [str(step) for step in maintain(database, RECORDS, today())] == [str(step) for step in promised]
    assert maintain(database, RECORDS, today()) == []
    names = sorted(str(record.table) for record in RECORDS)
    tables = "SELECT hypertable_name::text, compression_enabled FROM timescaledb_information.hypertables ORDER BY 1"
    assert ask(database, tables) == [(name, True) for name in names]
    maintain(database.model_copy(update={"compress_after_days": 2, "retention_days": 90}), RECORDS, today())
    jobs = (
        "SELECT hypertable_name::text, proc_name::text, coalesce(config->>'compress_after', config->>'drop_after')"
        " FROM timescaledb_information.jobs WHERE hypertable_name IS NOT NULL ORDER BY 1, 2"
    )
    assert ask(database, jobs) == [
        (name, job, days)
        for name in names
        for job, days in (("policy_compression", "2 days"), ("policy_retention", "90 days"))
    ]


@pytest.mark.parametrize(
    ("record", "row", "column"),
    [(BAR, bar, "close"), (INDICATOR, indicator, "rsi_14"), (ANOMALY, anomaly, "value")],
    ids=["bars", "indicators", "anomalies"],
)
def test_compressed_rows_are_still_unique_and_revised(
    database: TimescaleSettings, record: Record, row: Callable[..., dict[str, Any]], column: str
) -> None:
    maintain(database, RECORDS, today())
    store(database, record, *(row(minute=minute, trade_count=5) | {column: 5.0} for minute in range(50)))
    assert len(ask(database, f"SELECT compress_chunk(chunk) FROM show_chunks('{record.table}') chunk")) == 1
    for trade_count, value in ((4, 4.0), (5, 5.5), (6, 6.0), (5, 7.0)):
        store(database, record, *(row(minute=n, trade_count=trade_count) | {column: value} for n in range(25)))
    query = f"SELECT {column}, count(*) FROM {record.table} GROUP BY 1 ORDER BY 1"
    assert ask(database, query) == [(5.0, 25), (6.0, 25)]


def test_retention_drops_whole_days(database: TimescaleSettings) -> None:
    maintain(database, RECORDS, today())
    now = datetime.now(UTC).replace(microsecond=0)
    rows = [tick(event_time=now - timedelta(days=days), offset=days) for days in (0, 10, 400, 401)]
    store(database, STORED_TICK, *rows)
    first = maintain(database.model_copy(update={"retention_days": 365}), RECORDS, today())[0]
    assert (first.action, first.detail.partition(" from")[0]) == ("drop old chunks", "2 rows in 2 chunks")
    assert ask(database, "SELECT kafka_offset FROM tick_data ORDER BY 1") == [(0,), (10,)]


def test_a_new_indicator_gets_its_column(database: TimescaleSettings) -> None:
    maintain(database, [INDICATOR], today())
    store(database, INDICATOR, indicator(rsi=50.0))
    ask(database, "SELECT compress_chunk(chunk) FROM show_chunks('technical_indicators') chunk")
    more = Settings(technical_indicators={"rsi": {"period": 14}, "macd": {}, "sma": {"period": 5}}).indicator_record
    assert [(step.action, step.detail) for step in maintain(database, [more], today())] == [("add column", "sma_5")]
    assert ask(database, "SELECT rsi_14, sma_5 FROM technical_indicators") == [(50.0, None)]


def test_what_the_api_asks_is_answered(database: TimescaleSettings) -> None:
    maintain(database, RECORDS, today())
    store(database, STORED_TICK, *(tick(symbol, offset=n, price=float(n)) for n in (1, 2) for symbol in ("AAPL", "X")))
    store(database, BAR, *(bar(minute=minute) for minute in range(3)))
    with engine_of(database).connect() as connection:
        assert stored_symbols(connection) == ["AAPL", "X"]
        newest = newest_tick(connection, "AAPL")
        assert newest is not None
        assert newest["price"] == 2.0
        rows = StoredSeries(BAR, {"symbol": "AAPL", "window": "1min"}).fetch(connection, 2)
        assert [row["window_start"].minute for row in rows] == [32, 31]
