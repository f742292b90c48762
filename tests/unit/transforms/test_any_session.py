"""The results of a transform do not depend on how the session is set."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.indicators import parse_indicators
from mdstream.schemas.rules import Rule
from mdstream.transforms import (
    ConditionTable,
    Eligibility,
    filter_usable_trades,
    to_anomalies,
    to_bars,
    with_indicators,
    with_trade_columns,
)
from tests.unit.transforms.records import GOOD, RECEIVED_MICROS, outcomes_of, payload
from tests.unit.transforms.test_reject_reasons import REFUSED

SESSIONS = [
    ("UTC", "TIMESTAMP_LTZ", "true"),
    ("Etc/UTC", "TIMESTAMP_NTZ", "false"),
    ("America/New_York", "TIMESTAMP_LTZ", "false"),
    ("Asia/Kolkata", "TIMESTAMP_NTZ", "true"),
]
INDICATORS = parse_indicators({"sma": {"period": 3}, "rsi": {"period": 5}})
RULE = Rule(
    "up", "close > sma_3", "low", "{symbol} at {window_start}, last {last_event_time}: {close}", "close", "sma_3"
)
TABLE = ConditionTable({"12": Eligibility(open_close=False, high_low=False)})


@contextmanager
def session_of(spark: SparkSession, zone: str, timestamp_type: str, ansi: str) -> Iterator[None]:
    names = ("spark.sql.session.timeZone", "spark.sql.timestampType", "spark.sql.ansi.enabled")
    before = {name: spark.conf.get(name) for name in names}
    try:
        for name, value in zip(names, (zone, timestamp_type, ansi), strict=True):
            spark.conf.set(name, value)
        yield
    finally:
        for name, given in before.items():
            spark.conf.set(name, str(given))


def vendors_trades(spark: SparkSession) -> DataFrame:
    """A vendor's trades around a change to summer time, some of them unusable, with New York's clock and an epoch."""
    numbers = random.Random(5)
    rows = [
        {
            "ticker": numbers.choice(["A", "B", None]) if number % 50 == 0 else "AB"[number % 2],
            "micros": 1_772_952_000_000_000 + numbers.randrange(2_400_000_000),
            "price": "much" if number % 70 == 0 else f"{numbers.uniform(5, 15):.4f}",
            "size": numbers.choice([float("nan"), 1e18] if number % 45 == 0 else [0.5, 100.0, 3.0]),
            "conditions": numbers.choice([None, "", "12", "37,12"]),
        }
        for number in range(400)
    ]
    frame = spark.createDataFrame(pa.Table.from_pylist(rows)).coalesce(1)
    clock = F.convert_timezone(F.lit("UTC"), F.lit("America/New_York"), F.lit("1970-01-01").cast("timestamp_ntz")
        + F.make_dt_interval(secs=(F.col("micros") / F.lit(1_000_000)).cast("decimal(18,6)")))  # fmt: skip
    return frame.withColumn("clock", clock)


def plain(frame: DataFrame) -> list[dict[str, Any]]:
    """The rows, but for the time of the query, with times as epoch microseconds."""
    table = frame.drop("detected_time").toArrow()
    fields = [pa.field(f.name, pa.int64()) if pa.types.is_timestamp(f.type) else f for f in table.schema]
    return sorted(table.cast(pa.schema(fields)).to_pylist(), key=str)


def results(spark: SparkSession) -> dict[str, object]:
    trades = vendors_trades(spark)
    of_epoch = trades.transform(with_trade_columns, symbol="ticker", event_time="micros", unit="us")
    of_clock = trades.transform(with_trade_columns, symbol="ticker", event_time="clock", zone="America/New_York")
    bars = of_epoch.transform(filter_usable_trades).transform(to_bars, ["1min", "5min"], TABLE)
    why = filter_usable_trades(of_epoch, keep_rejected=True).groupBy("reject_reason").count()
    analysed = bars.transform(with_indicators, INDICATORS)
    return {
        "analysed": plain(analysed),
        "of clocks": plain(of_clock.transform(filter_usable_trades).transform(to_bars, ["5min"], TABLE)),
        "anomalies": plain(analysed.transform(to_anomalies, [RULE])),
        "why": sorted(map(tuple, why.collect()), key=str),
        "records": outcomes_of(spark, [value for value, _ in REFUSED] + [payload()]),
    }


@pytest.fixture(scope="module")
def expected(spark: SparkSession) -> dict[str, object]:
    with session_of(spark, *SESSIONS[0]):
        return results(spark)


def test_what_is_compared_has_all_that_may_differ(expected: dict[str, Any]) -> None:
    assert {row["window"] for row in expected["analysed"]} == {"1min", "5min"}
    assert sum(row["rsi_5"] is not None for row in expected["analysed"]) > 20
    assert "B at 2026-03-08 07:" in "".join(row["message"] for row in expected["anomalies"])
    reasons = dict(expected["why"])
    assert {"symbol missing", "price not a number: much", "size not finite: NaN", "size above 1e+14: 1.0E18"} < {
        *reasons
    }
    starts = {row["window_start"] for row in expected["of clocks"]}
    # 06:40 to 07:20 UTC: within that, New York's clocks skip an hour.
    assert (min(starts), max(starts)) == (1_772_952_000_000_000, 1_772_954_100_000_000)
    assert expected["records"][-1].tick["event_time"].timestamp() * 1e6 == GOOD["event_time"] == RECEIVED_MICROS - 10**6


@pytest.mark.parametrize("session", SESSIONS[1:], ids=" ".join)
def test_any_session_gives_the_same(spark: SparkSession, expected: dict[str, object], session: tuple[str, ...]) -> None:
    with session_of(spark, *session):
        found = results(spark)
    for name, rows in expected.items():
        assert found[name] == rows, name
