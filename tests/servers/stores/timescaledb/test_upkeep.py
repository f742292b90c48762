"""Tables on a real PostgreSQL, from nothing and from day to day."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mdstream.config import Settings, TimescaleSettings
from mdstream.errors import StoreError, StoreUnavailableError
from mdstream.schemas import BAR, STORED_TICK
from mdstream.stores import TimescaleSink
from mdstream.stores.timescaledb import create_schema, maintain
from tests.servers.stores.timescaledb.test_timescale_sink import ask, session
from tests.unit.stores.rows import RECORDS, bar, bars, batch_of, indicator, tick, ticks

pytestmark = pytest.mark.servers

TODAY = date(2024, 5, 10)


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def write_ticks(database: TimescaleSettings, *times: datetime) -> None:
    TimescaleSink(database, STORED_TICK).write(
        ticks(*(tick(event_time=time, offset=n) for n, time in enumerate(times)))
    )


def rows_by_partition(database: TimescaleSettings, table: str = "tick_data") -> dict[str, int]:
    return dict(ask(database, f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1"))


def actions(steps: list[Any]) -> list[tuple[str, str]]:
    return [(step.table, step.action) for step in steps]


def test_a_second_time_there_is_nothing_to_do(fresh_database: TimescaleSettings) -> None:
    first = maintain(fresh_database, RECORDS, TODAY)
    assert actions(first) == [
        ("tick_data", "create table"),
        ("aggregated_data", "create table"),
        ("tick_data", "create partitions"),
        ("aggregated_data", "create partitions"),
    ]
    assert maintain(fresh_database, RECORDS, TODAY) == []
    assert create_schema(fresh_database, RECORDS) == []


def test_a_dry_run_changes_nothing_and_says_what_the_real_one_does(fresh_database: TimescaleSettings) -> None:
    promised = maintain(fresh_database, RECORDS, TODAY, dry_run=True)
    assert ask(fresh_database, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [(0,)]
    assert [str(step) for step in promised] == [str(step) for step in maintain(fresh_database, RECORDS, TODAY)]


def test_every_column_has_its_comment(fresh_database: TimescaleSettings) -> None:
    create_schema(fresh_database, RECORDS)
    comments = dict(
        ask(
            fresh_database,
            "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute"
            " WHERE attrelid = 'aggregated_data'::regclass AND attnum > 0",
        )
    )
    assert comments == {field.name: field.metadata[b"comment"].decode() for field in BAR.schema}


def test_many_may_create_at_the_same_time(fresh_database: TimescaleSettings) -> None:
    start = threading.Barrier(4)

    def create(make: Callable[[], list[Any]]) -> list[Any]:
        start.wait()
        return make()

    makers: list[Callable[[], list[Any]]] = [lambda: create_schema(fresh_database, RECORDS)] * 2
    makers += [lambda: maintain(fresh_database, RECORDS, TODAY)] * 2
    with ThreadPoolExecutor(4) as pool:
        done = [action for steps in pool.map(create, makers) for action in actions(steps)]
    assert sorted(done) == sorted({*done})
    assert maintain(fresh_database, RECORDS, TODAY) == []


def test_rows_of_every_time_are_taken_before_any_upkeep(fresh_database: TimescaleSettings) -> None:
    create_schema(fresh_database, RECORDS)
    times = [at(date(1990, 1, 1)), at(date(2013, 10, 7)), at(TODAY), at(date(2100, 1, 1))]
    write_ticks(fresh_database, *times)
    assert ask(fresh_database, "SELECT event_time FROM tick_data ORDER BY 1") == [(time,) for time in times]


def test_rows_lie_in_the_partition_of_their_day(fresh_database: TimescaleSettings) -> None:
    maintain(fresh_database, RECORDS, TODAY)
    midnight = at(TODAY, 0)
    write_ticks(fresh_database, midnight - timedelta(microseconds=1), midnight, midnight + timedelta(hours=23))
    assert rows_by_partition(fresh_database) == {"tick_data_p20240509": 1, "tick_data_p20240510": 2}


def test_a_replay_gets_its_days_at_the_next_upkeep(fresh_database: TimescaleSettings) -> None:
    """Of 40 days within the retention, of which no partition was made ahead; nothing is lost, nothing twice."""
    maintain(fresh_database, RECORDS, TODAY)
    replayed = [TODAY - timedelta(days=number) for number in range(100, 140)]
    sink = TimescaleSink(fresh_database, STORED_TICK)
    rows = [
        tick(event_time=at(day, hour), offset=hour, symbol=s) for day in replayed for hour in range(24) for s in "AB"
    ]
    sink.write(ticks(*rows))
    assert rows_by_partition(fresh_database) == {"tick_data_default": 40 * 48}
    (step,) = maintain(fresh_database, RECORDS, TODAY)
    assert step.detail.endswith("and move 1,920 rows of 40 days 2023-12-23 to 2024-01-31 into them")
    assert rows_by_partition(fresh_database) == {f"tick_data_p{day:%Y%m%d}": 48 for day in replayed}
    sink.write(ticks(*rows))
    assert ask(fresh_database, "SELECT count(*) FROM tick_data") == [(1920,)]
    assert maintain(fresh_database, RECORDS, TODAY) == []


def test_a_tick_dated_beyond_the_days_ahead_moves_when_its_day_is_made(fresh_database: TimescaleSettings) -> None:
    maintain(fresh_database, RECORDS, TODAY)
    early = TODAY + timedelta(days=8)
    write_ticks(fresh_database, at(early))
    assert maintain(fresh_database, RECORDS, TODAY) == []
    assert rows_by_partition(fresh_database) == {"tick_data_default": 1}
    maintain(fresh_database, RECORDS, TODAY + timedelta(days=1))
    assert rows_by_partition(fresh_database) == {f"tick_data_p{early:%Y%m%d}": 1}


def test_bars_that_moved_are_still_revised(fresh_database: TimescaleSettings) -> None:
    create_schema(fresh_database, RECORDS)
    sink = TimescaleSink(fresh_database, BAR)
    sink.write(bars(bar(trade_count=5, close=5.0)))
    maintain(fresh_database, RECORDS, TODAY)
    sink.write(bars(bar(trade_count=4, close=4.0)))
    sink.write(bars(bar(trade_count=6, close=6.0)))
    assert ask(fresh_database, "SELECT trade_count, close FROM aggregated_data") == [(6, 6.0)]
    assert rows_by_partition(fresh_database, "aggregated_data") == {"aggregated_data_p20240506": 1}


def test_retention_drops_by_the_time_in_the_row_and_says_so(fresh_database: TimescaleSettings) -> None:
    settings = fresh_database.model_copy(update={"retention_days": 30})
    maintain(settings, RECORDS, TODAY)
    write_ticks(settings, at(TODAY), at(date(2013, 10, 7)), at(date(2013, 10, 8)))
    (step,) = maintain(settings, RECORDS, TODAY)
    assert step.action == "drop old rows"
    assert step.detail.startswith(
        "2 rows of 2 days 2013-10-07 to 2013-10-08 in the default partition, before 2024-04-10"
    )
    assert ask(settings, "SELECT event_time FROM tick_data") == [(at(TODAY),)]
    assert maintain(settings, RECORDS, TODAY + timedelta(days=29))
    assert ask(settings, "SELECT count(*) FROM tick_data") == [(1,)]
    assert maintain(settings, RECORDS, TODAY + timedelta(days=30))
    assert ask(settings, "SELECT count(*) FROM tick_data") == [(1,)]
    later = maintain(settings, RECORDS, TODAY + timedelta(days=31))
    assert "1 rows of" in next(step.detail for step in later if step.action == "drop old partitions")
    assert ask(settings, "SELECT count(*) FROM tick_data") == [(0,)]


def test_writers_go_on_while_partitions_are_made(fresh_database: TimescaleSettings) -> None:
    """Rows of ten days come in all the time, while upkeep makes more and more of these days."""
    create_schema(fresh_database, RECORDS)
    settings = fresh_database.model_copy(update={"partitions_ahead_days": 1})
    sink = TimescaleSink(settings, STORED_TICK)
    first = at(TODAY)
    done = threading.Event()

    def write() -> int:
        written = 0
        while not done.is_set():
            numbers = range(written, written + 50)
            sink.write(ticks(*(tick(event_time=first + timedelta(days=n % 10), offset=n) for n in numbers)))
            written += 50
        return written

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            for number in range(8):
                maintain(settings, RECORDS, TODAY + timedelta(days=number))
        finally:
            done.set()
        written = writing.result()
    assert ask(settings, "SELECT count(*), count(DISTINCT kafka_offset) FROM tick_data") == [(written, written)]
    maintain(settings, RECORDS, TODAY + timedelta(days=8))
    days = [TODAY + timedelta(days=number) for number in range(10)]
    assert rows_by_partition(settings) == {f"tick_data_p{day:%Y%m%d}": written // 10 for day in days}


def test_a_lock_held_by_another_is_not_waited_for_endlessly(fresh_database: TimescaleSettings) -> None:
    create_schema(fresh_database, RECORDS)
    write_ticks(fresh_database, at(TODAY))
    with session(fresh_database) as cursor:
        cursor.execute("LOCK TABLE tick_data IN ROW EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailableError, match="lock timeout"):
            maintain(fresh_database.model_copy(update={"timeout_seconds": 1}), RECORDS, TODAY)
    maintain(fresh_database, RECORDS, TODAY)
    assert rows_by_partition(fresh_database) == {"tick_data_p20240510": 1}


class TestMigration:
    def test_a_missing_column_that_may_be_null_is_added(self, fresh_database: TimescaleSettings) -> None:
        maintain(fresh_database, RECORDS, TODAY)
        write_ticks(fresh_database, at(TODAY))
        with session(fresh_database) as cursor:
            cursor.execute("ALTER TABLE tick_data DROP COLUMN conditions")
        (step,) = maintain(fresh_database, RECORDS, TODAY)
        assert (step.action, step.detail) == ("add column", "conditions")
        TimescaleSink(fresh_database, STORED_TICK).write(ticks(tick(event_time=at(TODAY), offset=9, conditions=["a"])))
        assert ask(fresh_database, "SELECT conditions FROM tick_data ORDER BY kafka_offset") == [(None,), (["a"],)]

    def test_a_changed_comment_is_put_right(self, fresh_database: TimescaleSettings) -> None:
        maintain(fresh_database, RECORDS, TODAY)
        with session(fresh_database) as cursor:
            cursor.execute("COMMENT ON COLUMN tick_data.price IS 'cost'")
        assert actions(maintain(fresh_database, RECORDS, TODAY)) == [("tick_data", "set comment")]
        assert maintain(fresh_database, RECORDS, TODAY) == []

    def test_a_column_of_somebody_else_is_left_alone(self, fresh_database: TimescaleSettings) -> None:
        create_schema(fresh_database, RECORDS)
        with session(fresh_database) as cursor:
            cursor.execute("ALTER TABLE tick_data ADD COLUMN note text")
        write_ticks(fresh_database, at(TODAY))
        with session(fresh_database) as cursor:
            cursor.execute("UPDATE tick_data SET note = 'mine'")
        maintain(fresh_database, RECORDS, TODAY)
        assert ask(fresh_database, "SELECT note, tableoid::regclass::text FROM tick_data") == [
            ("mine", "tick_data_p20240510")
        ]

    @pytest.mark.parametrize(
        ("change", "fix"),
        [
            ("DROP COLUMN price", "price is missing and needs a value: ALTER TABLE tick_data ADD COLUMN price"),
            ("ALTER COLUMN price TYPE real", "price is REAL: ALTER TABLE tick_data ALTER COLUMN price TYPE DOUBLE"),
            ("ALTER COLUMN size DROP NOT NULL", "ALTER TABLE tick_data ALTER COLUMN size SET NOT NULL"),
            ("ALTER COLUMN source SET NOT NULL", "ALTER TABLE tick_data ALTER COLUMN source DROP NOT NULL"),
            ("ADD COLUMN note text NOT NULL", "ALTER TABLE tick_data ALTER COLUMN note DROP NOT NULL"),
            ("DROP CONSTRAINT tick_data_pkey", "the primary key is .missing.: ALTER TABLE tick_data ADD PRIMARY KEY"),
        ],
    )
    def test_what_its_owner_has_to_decide_on_is_an_error_with_the_fix(
        self, fresh_database: TimescaleSettings, change: str, fix: str
    ) -> None:
        create_schema(fresh_database, RECORDS)
        with session(fresh_database) as cursor:
            cursor.execute(f"ALTER TABLE tick_data {change}")
        with pytest.raises(StoreError, match=fix):
            maintain(fresh_database, RECORDS, TODAY)

    def test_the_fix_it_names_works(self, fresh_database: TimescaleSettings) -> None:
        create_schema(fresh_database, RECORDS)
        with session(fresh_database) as cursor:
            cursor.execute("ALTER TABLE aggregated_data ALTER COLUMN trade_count TYPE integer")
        with pytest.raises(StoreError) as caught:
            create_schema(fresh_database, RECORDS)
        statement = str(caught.value).rpartition(": ")[2]
        with session(fresh_database) as cursor:
            cursor.execute(statement)
        assert create_schema(fresh_database, RECORDS) == []

    def test_a_table_that_is_not_partitioned_is_refused(self, fresh_database: TimescaleSettings) -> None:
        with session(fresh_database) as cursor:
            cursor.execute("CREATE TABLE tick_data (symbol text)")
        with pytest.raises(StoreError, match="tick_data is there but not split by event_time"):
            create_schema(fresh_database, RECORDS)


def columns_of(database: TimescaleSettings, table: str) -> list[str]:
    query = f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' ORDER BY ordinal_position"
    return [name for (name,) in ask(database, query)]


def test_every_record_of_the_settings_has_a_table_with_days(fresh_database: TimescaleSettings) -> None:
    records = Settings().table_records
    maintain(fresh_database, records, TODAY)
    for table in ("tick_data", "quote_data", "aggregated_data", "technical_indicators", "anomalies", "predictions"):
        days = ask(fresh_database, f"SELECT count(*) FROM pg_inherits WHERE inhparent = '{table}'::regclass")
        assert days == [(10,)], table  # yesterday, today, 7 days ahead, and the default partition
    key = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'anomalies'::regclass AND contype = 'p'"
    assert ask(fresh_database, key) == [('PRIMARY KEY (symbol, "window", window_start, rule)',)]
    assert maintain(fresh_database, records, TODAY) == []


def test_indicators_that_come_get_columns_and_those_that_go_keep_theirs(fresh_database: TimescaleSettings) -> None:
    first = Settings(technical_indicators={"rsi": {"period": 14}, "sma": {"period": 20}}).indicator_record
    second = Settings(technical_indicators={"ema": {"period": 12}, "rsi": {"period": 14}}).indicator_record
    maintain(fresh_database, [first], TODAY)
    TimescaleSink(fresh_database, first).write(batch_of(first, [indicator(rsi=50.0) | {"sma_20": 9.5}]))
    step = maintain(fresh_database, [second], TODAY)[0]
    assert (step.action, step.detail) == ("add column", "ema_12")
    assert {"sma_20", "ema_12", "rsi_14"} <= set(columns_of(fresh_database, "technical_indicators"))
    TimescaleSink(fresh_database, second).write(
        batch_of(second, [indicator(rsi=60.0) | {"ema_12": 8.5}, indicator(minute=1) | {"ema_12": 8.75}])
    )
    found = ask(fresh_database, "SELECT rsi_14, sma_20, ema_12 FROM technical_indicators ORDER BY window_start")
    assert found == [(60.0, 9.5, 8.5), (None, None, 8.75)]
    assert maintain(fresh_database, [second], TODAY) == []
