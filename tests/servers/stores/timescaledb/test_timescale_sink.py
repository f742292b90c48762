"""What PostgreSQL makes of our batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any, ClassVar

import psycopg2
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdstream.config import TimescaleSettings
from mdstream.errors import SinkError, SinkUnavailableError
from mdstream.schemas import BAR, STORED_TICK
from mdstream.stores import TimescaleSink
from mdstream.stores.timescaledb import create_schema
from mdstream.stores.timescaledb.connection import engine_of
from mdstream.stores.timescaledb.definitions import table_of
from tests.unit.stores.rows import RECORDS, START, bar, bars, tick, ticks
from tests.waiting import until

pytestmark = pytest.mark.servers


@pytest.fixture
def database(fresh_database: TimescaleSettings) -> TimescaleSettings:
    create_schema(fresh_database, RECORDS)
    return fresh_database


@contextmanager
def session(database: TimescaleSettings) -> Iterator[psycopg2.extensions.cursor]:
    """A session of psycopg2's own, in UTC, that commits at the end."""
    connection = psycopg2.connect(
        host=database.host,
        port=database.port,
        dbname=database.database,
        user=database.user,
        password=database.password.get_secret_value(),
    )
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET timezone = 'UTC'")
            yield cursor
    finally:
        connection.close()


def ask(database: TimescaleSettings, query: str) -> list[tuple[Any, ...]]:
    with session(database) as cursor:
        cursor.execute(query)
        return cursor.fetchall()


TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
    st.text(st.sampled_from("\"'\\,{}\n\r\t ;.|N"), max_size=8),
    st.sampled_from(
        ["", "NULL", "null", '"NULL"', r"\N", r"\.", "\n\\.\n", "{}", "{a,b}", '""', "\\", "'", "\ufffe", "🎈"]
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {
                "symbol": TEXTS,
                "source": st.none() | TEXTS,
                "exchange": st.none() | TEXTS,
                "conditions": st.none() | st.lists(st.none() | TEXTS, max_size=4),
            }
        ),
        min_size=1,
        max_size=30,
    )
)
def test_texts_and_lists_come_back_as_they_were(database: TimescaleSettings, rows: list[dict[str, Any]]) -> None:
    with session(database) as cursor:
        cursor.execute("TRUNCATE tick_data")
    TimescaleSink(database, STORED_TICK).write(ticks(*(tick(offset=n, **row) for n, row in enumerate(rows))))
    found = ask(database, "SELECT symbol, source, exchange, conditions FROM tick_data ORDER BY kafka_offset")
    assert found == [(row["symbol"], row["source"], row["exchange"], row["conditions"]) for row in rows]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    times=st.lists(st.datetimes(timezones=st.just(UTC)), min_size=1, max_size=30),
    number=st.floats(allow_nan=False) | st.floats(width=32, allow_nan=False),
    sequence=st.none() | st.integers(-(2**63), 2**63 - 1),
)
def test_times_and_numbers_come_back_to_the_last_bit(
    database: TimescaleSettings, times: list[datetime], number: float, sequence: int | None
) -> None:
    with session(database) as cursor:
        cursor.execute("TRUNCATE tick_data")
    rows = [tick(offset=n, event_time=time, price=number, sequence=sequence) for n, time in enumerate(times)]
    TimescaleSink(database, STORED_TICK).write(ticks(*rows))
    found = ask(database, "SELECT event_time, price, sequence FROM tick_data ORDER BY kafka_offset")
    assert found == [(time, number, sequence) for time in times]


def test_a_missing_table_says_what_to_run(fresh_database: TimescaleSettings) -> None:
    with pytest.raises(SinkError, match=r"tick_data.*run `mdstream maintain`") as caught:
        TimescaleSink(fresh_database, STORED_TICK).write(ticks(tick()))
    assert not isinstance(caught.value, SinkUnavailableError)
    create_schema(fresh_database, RECORDS)
    TimescaleSink(fresh_database, STORED_TICK).write(ticks(tick()))
    assert ask(fresh_database, "SELECT count(*) FROM tick_data") == [(1,)]


def test_a_missing_column_says_what_to_run(database: TimescaleSettings) -> None:
    with session(database) as cursor:
        cursor.execute("ALTER TABLE aggregated_data DROP COLUMN vwap")
    with pytest.raises(SinkError, match=r"vwap.*run `mdstream maintain`"):
        TimescaleSink(database, BAR).write(bars(bar()))
    create_schema(database, RECORDS)
    TimescaleSink(database, BAR).write(bars(bar()))
    assert ask(database, "SELECT vwap FROM aggregated_data") == [(None,)]


def test_no_database_is_said(fresh_database: TimescaleSettings) -> None:
    nowhere = fresh_database.model_copy(update={"database": "nowhere"})
    with pytest.raises(SinkUnavailableError, match='database "nowhere" does not exist') as caught:
        TimescaleSink(nowhere, BAR).write(bars(bar()))
    assert nowhere.password.get_secret_value() not in str(caught.value)


class TestFailure:
    """Half-way through a batch."""

    ROWS: ClassVar = [bar(symbol=f"S{number:04}", close=1.0) for number in range(1000)]

    def test_a_row_that_the_table_refuses(self, database: TimescaleSettings) -> None:
        with session(database) as cursor:
            cursor.execute("ALTER TABLE aggregated_data ADD CONSTRAINT cheap CHECK (close < 100)")
        sink = TimescaleSink(database, BAR)
        with pytest.raises(SinkError, match="cheap") as caught:
            sink.write(bars(*self.ROWS[:-1], self.ROWS[-1] | {"close": 1000.0}))
        assert not isinstance(caught.value, SinkUnavailableError)
        assert "maintain" not in str(caught.value)
        assert ask(database, "SELECT count(*) FROM aggregated_data") == [(0,)]
        sink.write(bars(*self.ROWS))
        assert ask(database, "SELECT count(*) FROM aggregated_data") == [(1000,)]

    def test_a_session_that_the_server_ends(self, database: TimescaleSettings) -> None:
        with session(database) as cursor:
            cursor.execute(
                "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END'"
            )
            cursor.execute(
                "CREATE TRIGGER die BEFORE INSERT ON aggregated_data FOR EACH ROW"
                " WHEN (NEW.symbol = 'S0500') EXECUTE FUNCTION die()"
            )
        sink = TimescaleSink(database, BAR)
        with pytest.raises(SinkUnavailableError, match="terminat"):
            sink.write(bars(*self.ROWS))
        assert ask(database, "SELECT count(*) FROM aggregated_data") == [(0,)]
        with session(database) as cursor:
            cursor.execute("DROP TRIGGER die ON aggregated_data")
        sink.write(bars(*self.ROWS))
        assert ask(database, "SELECT count(*) FROM aggregated_data") == [(1000,)]

    def test_a_statement_that_does_not_end(self, database: TimescaleSettings) -> None:
        sink = TimescaleSink(database.model_copy(update={"timeout_seconds": 1}), BAR)
        with session(database) as cursor:
            cursor.execute("LOCK TABLE aggregated_data IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(SinkUnavailableError, match="not done within timeout_seconds = 1"):
                sink.write(bars(*self.ROWS))
        sink.write(bars(*self.ROWS))
        assert ask(database, "SELECT count(*) FROM aggregated_data") == [(1000,)]


def _catalog(database: TimescaleSettings) -> list[tuple[Any, ...]]:
    """Every permanent relation, and the transaction that last changed it."""
    return ask(
        database,
        "SELECT oid, relname, xmin::text, relnatts FROM pg_class"
        " WHERE relpersistence <> 't' AND relnamespace::regnamespace::text NOT LIKE 'pg_%' ORDER BY oid",
    )


def test_writing_changes_no_schema(database: TimescaleSettings) -> None:
    before = _catalog(database)
    distant = tick(event_time=datetime(2100, 1, 1, tzinfo=UTC))
    for offset in range(3):
        TimescaleSink(database, STORED_TICK).write(ticks(tick(offset=offset), distant))
        TimescaleSink(database, BAR).write(bars(bar(trade_count=offset + 1)))
    assert _catalog(database) == before
    assert ask(database, "SELECT count(*) FROM tick_data") == [(4,)]


def test_a_connection_has_one_temporary_table_a_record_and_it_is_empty(database: TimescaleSettings) -> None:
    sink = TimescaleSink(database, BAR)
    for number in range(5):
        sink.write(bars(bar(trade_count=number + 1)))
    with engine_of(database).connect() as connection:
        temporary = "SELECT relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'"
        assert connection.execute(sa.text(temporary)).scalars().all() == ["incoming_aggregated_data"]
        assert connection.execute(sa.text("SELECT count(*) FROM incoming_aggregated_data")).scalar_one() == 0


def test_writers_in_opposite_order_never_deadlock(database: TimescaleSettings) -> None:
    names = [f"S{number:04}" for number in range(2000)]
    start = threading.Barrier(4)
    errors: list[Exception] = []

    def write(thread: int) -> None:
        sink = TimescaleSink(database, BAR)
        order = names if thread % 2 else list(reversed(names))
        start.wait()
        for number in range(1, 6):
            try:
                sink.write(bars(*(bar(symbol=name, trade_count=number) for name in order)))
            except SinkError as exc:
                errors.append(exc)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert ask(database, "SELECT count(*), min(trade_count) FROM aggregated_data") == [(2000, 5)]


def test_a_reader_never_sees_a_bar_go_back(database: TimescaleSettings) -> None:
    """Old and new revisions are written by several at once while another session looks on."""
    sink = TimescaleSink(database, BAR)
    done = threading.Event()
    seen: list[int] = []

    def watch() -> None:
        with engine_of(database).connect() as connection:
            while not done.is_set():
                with connection.begin():
                    seen.extend(connection.execute(sa.select(table_of(BAR).c.trade_count)).scalars())

    def write(first: int) -> None:
        for number in range(first, 200, 3):
            sink.write(bars(bar(trade_count=number), bar(trade_count=max(1, number - 50))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    writers = [threading.Thread(target=write, args=(number,)) for number in (1, 2, 3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    try:
        until(lambda: seen and seen[-1] == 199)
    finally:
        done.set()
        watcher.join()
    assert seen == sorted(seen)


def test_the_session_of_a_write_is_used_again(database: TimescaleSettings) -> None:
    sink = TimescaleSink(database, STORED_TICK)
    numbers = count()
    for _ in range(10):
        sink.write(ticks(tick(event_time=START, offset=next(numbers))))
    sessions = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database.database}' AND query <> ''"
    assert ask(database, sessions + " AND application_name = 'mdstream'") == [(1,)]
