"""Rebuilding from ticks in a real PostgreSQL, expected values by hand or from `mdstream bars`."""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import talib
import yaml
from pyspark.sql import SparkSession

from mdstream.batch import bars_of_file
from mdstream.cli import main
from mdstream.config import (
    KafkaResultSettings,
    LakeSettings,
    RedisSettings,
    Settings,
    StoreSettings,
    TimescaleSettings,
    WindowConfiguration,
)
from mdstream.config.conditions import load_conditions
from mdstream.errors import ConfigError, InvalidInputError
from mdstream.operations.rebuild import RebuildReport, rebuild
from mdstream.schemas import BAR, STORED_TICK, Record
from mdstream.stores import TimescaleSink
from mdstream.stores.lake import maintain_lake
from mdstream.stores.timescaledb import create_schema
from mdstream.transforms import ConditionTable
from tests.real_trades import write_conditions_table, write_ticks
from tests.servers.stores.timescaledb.test_timescale_sink import ask
from tests.unit.stores.lake.appending import append
from tests.unit.stores.rows import START, bar, bars, tick, ticks

pytestmark = pytest.mark.servers

MINUTE = timedelta(minutes=1)
RULES = """
- name: jump
  predicate: close > 1.5 * previous_close
  severity: high
  message: "from {previous_close} to {close}"
  value: close
"""


@pytest.fixture
def settings(fresh_database: TimescaleSettings, tmp_path: Path) -> Settings:
    """Bars of 1 and 5 minutes, the average of 3 closes, a rule; nothing but PostgreSQL is there."""
    (tmp_path / "rules.yaml").write_text(RULES)
    made = Settings(
        window_configurations=(
            WindowConfiguration(name="1min", duration=60),
            WindowConfiguration(name="5min", duration=300),
        ),
        technical_indicators={"sma": {"period": 3}},
        rules_file=tmp_path / "rules.yaml",
        stores=StoreSettings(
            timescaledb=fresh_database, redis=RedisSettings(port=9), kafka=KafkaResultSettings(enabled=True)
        ),
    )
    create_schema(fresh_database, made.table_records)
    return made


def store(settings: Settings, *rows: dict[str, Any]) -> None:
    TimescaleSink(settings.stores.timescaledb, STORED_TICK).write(ticks(*rows))


def stored(settings: Settings, record: Record) -> list[dict[str, Any]]:
    """Return the rows of a table in the order of their key."""
    names = record.schema.names
    columns, key = (", ".join(f'"{name}"' for name in listed) for listed in (names, record.key))
    found = ask(settings.stores.timescaledb, f"SELECT {columns} FROM {record.table} ORDER BY {key}")
    return [dict(zip(names, row, strict=True)) for row in found]


def minutes(prices: list[float], symbol: str = "AAPL") -> list[dict[str, Any]]:
    """One tick a minute."""
    return [tick(symbol, START + n * MINUTE, offset=n, price=price) for n, price in enumerate(prices)]


def averages(settings: Settings) -> list[float | None]:
    query = "SELECT sma_3 FROM technical_indicators WHERE \"window\" = '1min' AND symbol = 'AAPL' ORDER BY window_start"
    return [row[0] for row in ask(settings.stores.timescaledb, query)]


def test_bars_are_those_of_the_command_on_the_same_ticks(
    spark: SparkSession, settings: Settings, tmp_path: Path
) -> None:
    numbers = random.Random(4)
    midnight = datetime(2024, 5, 7, tzinfo=UTC)
    rows = [
        tick(
            numbers.choice(["AAPL", "BRK.B", "X:BTC-USD"]),
            midnight + timedelta(microseconds=numbers.randrange(-600_000_000, 900_000_000)),
            offset=offset,
            price=round(numbers.uniform(90, 110), 2),
            conditions=numbers.choice([None, [], ["@", 'say "x"']]),
            sequence=numbers.choice([None, numbers.randrange(100)]),
        )
        for offset in range(2_000)
    ]
    store(settings, *rows)
    pq.write_table(pa.Table.from_batches([ticks(*rows)]), tmp_path / "ticks.parquet")
    report = bars_of_file(
        spark, tmp_path / "ticks.parquet", tmp_path / "bars.parquet", settings.windows, ConditionTable()
    )
    done = rebuild(spark, settings, midnight - timedelta(minutes=10), midnight + timedelta(minutes=15))
    expected = pq.read_table(tmp_path / "bars.parquet").select(BAR.schema.names).to_pylist()
    assert done.bars == report.bars == len(expected) > 50
    assert stored(settings, BAR) == expected


def test_late_ticks_enter_their_bar_and_the_indicators_behind_it(spark: SparkSession, settings: Settings) -> None:
    store(settings, *minutes([10.0, 13.0, 16.0, 19.0]))
    rebuild(spark, settings, START, START + 4 * MINUTE)
    assert averages(settings) == [None, None, 13.0, 16.0]
    store(settings, tick(event_time=START + timedelta(seconds=119), offset=77, price=7.0))
    done = rebuild(spark, settings, START + MINUTE, START + 2 * MINUTE)
    assert done == RebuildReport(START, START + 5 * MINUTE, bars=5, indicators=5, anomalies=1)
    columns = "open, high, low, close, volume, trade_count"
    query = f"SELECT {columns} FROM aggregated_data WHERE \"window\" = '1min' ORDER BY window_start"
    assert ask(settings.stores.timescaledb, query)[1] == (13.0, 13.0, 7.0, 7.0, 2.0, 2)
    assert averages(settings) == [None, None, 11.0, 14.0]  # (10 + 7 + 16) / 3, (7 + 16 + 19) / 3
    # 16 is more than 1.5 × 7: the late tick made it so.
    anomalies = "SELECT rule, severity, value, message, window_start FROM anomalies WHERE \"window\" = '1min'"
    [(*found, when)] = ask(settings.stores.timescaledb, anomalies)
    assert found == ["jump", "high", 16.0, "from 7 to 16"]
    assert when == START + 2 * MINUTE


def test_the_bars_before_are_the_history_of_the_first_indicators(spark: SparkSession, settings: Settings) -> None:
    store(settings, *minutes([10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0]))
    rebuild(spark, settings, START, START + 5 * MINUTE)
    done = rebuild(spark, settings, START + 5 * MINUTE, START + 7 * MINUTE)
    assert (done.start, done.end) == (START + 5 * MINUTE, START + 10 * MINUTE)
    assert (done.bars, done.indicators) == (3, 3)
    assert averages(settings) == [None, None, 11.0, 12.0, 13.0, 14.0, 15.0]


def test_a_second_time_changes_nothing(spark: SparkSession, settings: Settings) -> None:
    store(settings, *minutes([10.0, 20.0, 30.0]))
    span = (START, START + 3 * MINUTE)
    first = rebuild(spark, settings, *span)
    tables = ("aggregated_data", "technical_indicators")
    before = [ask(settings.stores.timescaledb, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]
    assert rebuild(spark, settings, *span) == first
    assert [ask(settings.stores.timescaledb, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables] == before
    assert ask(settings.stores.timescaledb, "SELECT count(*) FROM anomalies") == [(first.anomalies,)] == [(1,)]


def test_a_bar_of_more_ticks_than_are_left_stays(spark: SparkSession, settings: Settings) -> None:
    TimescaleSink(settings.stores.timescaledb, BAR).write(bars(bar(trade_count=99, close=50.0)))
    store(settings, tick(price=10.0))
    rebuild(spark, settings, START, START + MINUTE)
    query = "SELECT close, trade_count FROM aggregated_data WHERE \"window\" = '1min'"
    assert ask(settings.stores.timescaledb, query) == [(50.0, 99)]


def test_only_the_symbols_asked_for(spark: SparkSession, settings: Settings) -> None:
    store(settings, *minutes([1.0], "AAPL"), *minutes([2.0], "MSFT"), *minutes([3.0], "TSLA"))
    done = rebuild(spark, settings, START, START + MINUTE, ["MSFT", "TSLA"])
    assert (done.bars, done.indicators) == (4, 4)
    for table in ("aggregated_data", "technical_indicators"):
        assert ask(settings.stores.timescaledb, f"SELECT DISTINCT symbol FROM {table} ORDER BY 1") == [
            ("MSFT",),
            ("TSLA",),
        ]


def test_ticks_of_the_lake_that_the_database_has_not(spark: SparkSession, settings: Settings, tmp_path: Path) -> None:
    lake = LakeSettings(path=str(tmp_path / "lake"))
    maintain_lake(lake, START.date())
    day = timedelta(days=1)
    rows = [*minutes([10.0, 13.0], "AAPL"), *minutes([7.0], "MSFT"), tick("AAPL", START + day, offset=9, price=20.0)]
    append(lake, STORED_TICK, *rows)
    with_lake = settings.model_copy(update={"stores": settings.stores.model_copy(update={"lake": lake})})
    done = rebuild(spark, with_lake, START, START + day + MINUTE, ["AAPL"], from_lake=True)
    assert done.bars == 5  # three of a minute, two of five
    query = "SELECT symbol, close FROM aggregated_data WHERE \"window\" = '1min' ORDER BY window_start"
    assert ask(settings.stores.timescaledb, query) == [("AAPL", 10.0), ("AAPL", 13.0), ("AAPL", 20.0)]


def test_without_ticks_there_is_nothing(spark: SparkSession, settings: Settings) -> None:
    shares: list[float] = []
    done = rebuild(spark, settings, START, START + timedelta(days=20), on_progress=shares.append)
    assert (done.bars, done.indicators, done.anomalies) == (0, 0, 0)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) == 4  # 8 days, 8 days, the rest, and the indicators


def test_what_cannot_be_rebuilt_is_refused(spark: SparkSession, settings: Settings) -> None:
    with pytest.raises(InvalidInputError, match="expected a later end"):
        rebuild(spark, settings, START, START)
    off = TimescaleSettings(enabled=False)
    without = settings.model_copy(update={"stores": settings.stores.model_copy(update={"timescaledb": off})})
    with pytest.raises(ConfigError, match=r"stores\.timescaledb\.enabled"):
        rebuild(spark, without, START, START + MINUTE)


def test_the_command(
    spark: SparkSession,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store(settings, *minutes([1.0, 2.0], "AAPL"), *minutes([2.0], "MSFT"))
    database = settings.stores.timescaledb
    configured = {
        "window_configurations": [{"name": "1min", "duration": 60}],
        "rules_file": str(settings.rules_file),
        "technical_indicators": {"sma": {"period": 3}},
        "stores": {"timescaledb": {"port": database.port, "database": database.database, "user": database.user}},
    }
    (tmp_path / "mdstream.yaml").write_text(yaml.safe_dump(configured))
    monkeypatch.setenv("MDSTREAM_STORES__TIMESCALEDB__PASSWORD", database.password.get_secret_value())
    monkeypatch.setattr("mdstream.streaming.build_session", lambda *_, **__: spark)
    monkeypatch.setattr(SparkSession, "stop", lambda _: None)  # other tests go on with it
    monkeypatch.setenv("COLUMNS", "300")
    arguments = ["--from", "2024-05-06T13:30", "--to", "2024-05-06T13:32", "--symbols", "AAPL, TSLA"]
    monkeypatch.setattr(sys, "argv", ["mdstream", "rebuild", *arguments, "--config", str(tmp_path / "mdstream.yaml")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    said = " ".join(capsys.readouterr().err.split())
    assert "2 bars from 2024-05-06 13:30:00 to 2024-05-06 13:32:00 UTC, 2 rows of indicators and 1 anomalies" in said


@pytest.mark.slow
def test_real_trades_give_the_bars_of_the_command_and_talibs_indicators(
    spark: SparkSession, settings: Settings, tmp_path: Path
) -> None:
    count = write_ticks(tmp_path / "ticks.parquet", limit=120_000)
    write_conditions_table(tmp_path / "conditions.csv")
    trades = pq.read_table(tmp_path / "ticks.parquet")
    columns = {
        field.name: trades[field.name].cast(field.type)
        if field.name in trades.schema.names
        else pa.nulls(count, field.type)
        for field in STORED_TICK.schema
    }
    columns |= {
        "kafka_partition": pa.array([0] * count, pa.int32()),
        "kafka_offset": pa.array(range(count), pa.int64()),
    }
    for batch in pa.table(columns, schema=STORED_TICK.schema).to_batches():
        TimescaleSink(settings.stores.timescaledb, STORED_TICK).write(batch)
    rules = settings.ticks.model_copy(update={"conditions_table": tmp_path / "conditions.csv"})
    configured = settings.model_copy(
        update={"ticks": rules, "technical_indicators": {"rsi": {"period": 14}, "macd": {}}}
    )
    create_schema(settings.stores.timescaledb, [configured.indicator_record])
    first, last = pc.min_max(trades["event_time"]).as_py().values()
    done = rebuild(spark, configured, first, last + timedelta(microseconds=1))
    report = bars_of_file(
        spark,
        tmp_path / "ticks.parquet",
        tmp_path / "bars.parquet",
        settings.windows,
        load_conditions(tmp_path / "conditions.csv"),
    )
    expected = pq.read_table(tmp_path / "bars.parquet").select(BAR.schema.names).to_pylist()
    assert report.ticks == count
    assert done.bars == done.indicators == len(expected) > 100
    assert stored(settings, BAR) == expected
    query = (
        "SELECT b.close, i.rsi_14, i.macd_hist FROM aggregated_data b JOIN technical_indicators i"
        " USING (symbol, \"window\", window_start) WHERE symbol = '{}' AND \"window\" = '1min' ORDER BY window_start"
    )
    for (symbol,) in ask(settings.stores.timescaledb, "SELECT DISTINCT symbol FROM aggregated_data"):
        rows = ask(settings.stores.timescaledb, query.format(symbol))
        close, rsi, histogram = np.array(rows, float).T
        np.testing.assert_allclose(rsi, talib.RSI(close, 14), rtol=1e-9)
        np.testing.assert_allclose(histogram, talib.MACD(close)[2], rtol=1e-9)
