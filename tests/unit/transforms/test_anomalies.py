"""Rules over bars: what is found, how grave it is and what is said."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from mdstream.schemas import ANOMALY
from mdstream.schemas.rules import Rule
from mdstream.schemas.spark import spark_schema
from mdstream.transforms import to_anomalies

COLUMNS = (
    "symbol string, window string, window_start timestamp, trade_count bigint, close double, volume double, "
    "average_close_20 double, last_event_time timestamp"
)
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def bars(spark: SparkSession, *rows: tuple[float | None, float | None]) -> DataFrame:
    """Bars of symbols S0, S1 ... with this close and average."""
    values = [(f"S{n}", "1min", NOON, n + 1, close, 1e7, average, NOON) for n, (close, average) in enumerate(rows)]
    return spark.createDataFrame(values, COLUMNS).repartition(2)


def rule(predicate: str = "close > 100", **changes: Any) -> Rule:  # noqa: ANN401 - whatever a rule takes
    return Rule(**({"name": "r", "predicate": predicate, "severity": "high", "message": "m"} | changes))


def find(frame: DataFrame, *rules: Rule, **levels: float) -> list[dict[str, Any]]:
    return [row.asDict() for row in to_anomalies(frame, rules, levels).sort("symbol", "rule").collect()]


def test_an_anomaly_with_all_that_is_known_of_it(spark: SparkSession) -> None:
    before = datetime.now(UTC)
    spike = rule(
        "abs(close - average_close_20) > 0.05 * average_close_20",
        name="spike",
        severity="CASE WHEN close > 120 THEN 'critical' ELSE 'high' END",
        value="100 * (close - average_close_20) / average_close_20",
        threshold="5",
        message="{symbol}: {close:,.2f} is {value:.1f} % off {average_close_20}, limit {threshold}, {severity}",
    )
    frame = to_anomalies(bars(spark, (1100.0, 1000.0), (1050.0, 1000.0), (90.0, 100.0)), [spike])
    (up, down) = frame.sort("symbol").collect()

    # 1050 is 5 % off and not more.
    assert up.asDict() | {"detected_time": None} == {
        "symbol": "S0",
        "window": "1min",
        "window_start": NOON.replace(tzinfo=None),
        "rule": "spike",
        "severity": "critical",
        "value": 10.0,
        "threshold": 5.0,
        "message": "S0: 1,100.00 is 10.0 % off 1,000, limit 5, critical",
        "detected_time": None,
        "trade_count": 1,
        "last_event_time": NOON.replace(tzinfo=None),
        "withdrawn": None,
    }
    assert (down["symbol"], down["value"], down["severity"]) == ("S2", -10.0, "high")
    assert before <= up["detected_time"].replace(tzinfo=UTC)
    assert frame.columns == ANOMALY.schema.names
    assert [field.dataType for field in frame.schema] == [field.dataType for field in spark_schema(ANOMALY)]


def test_a_predicate_that_is_null_finds_nothing(spark: SparkSession) -> None:
    assert (
        find(bars(spark, (200.0, None), (None, 1.0)), rule("close > average_close_20"), rule("CAST(NULL AS BOOLEAN)"))
        == []
    )


def test_every_rule_looks_at_every_bar(spark: SparkSession) -> None:
    rules = [rule("close > 100", name="high"), rule("close > 50", name="middle"), rule("close < 0", name="never")]
    found = find(bars(spark, (200.0, 1.0), (60.0, 1.0), (10.0, 1.0)), *rules)

    assert [(row["symbol"], row["rule"]) for row in found] == [("S0", "high"), ("S0", "middle"), ("S1", "middle")]


def test_without_rules_or_bars_nothing_is_found(spark: SparkSession) -> None:
    assert find(bars(spark, (200.0, 1.0))) == []
    assert find(bars(spark, (200.0, 1.0)).limit(0), rule()) == []


def test_the_bars_are_read_once_whatever_the_number_of_rules(
    spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = bars(spark, *((200.0, 1.0) for _ in range(7)))
    found = to_anomalies(frame, [rule(name=f"r{number}") for number in range(12)])
    found.explain()

    # What a session was given is the one or, over Spark Connect, the other.
    assert len(re.findall("Scan ExistingRDD|LocalTableScan", capsys.readouterr().out)) == 1
    assert found.count() == 84


@pytest.mark.parametrize("severity", ["concat('h', 'igh!')", "NULL", "CAST(NULL AS STRING)", "'HIGH'"])
def test_a_severity_that_is_none_of_the_four(spark: SparkSession, severity: str) -> None:
    (row,) = find(bars(spark, (200.0, 1.0)), rule(severity=severity, message="{severity}"))

    assert (row["severity"], row["message"]) == ("medium", "medium")


@pytest.mark.parametrize("number", ["NULL", "double('NaN')", "double('Infinity')", "-double('Infinity')"])
def test_a_number_that_is_none(spark: SparkSession, number: str) -> None:
    found = rule(value=number, threshold=number, message="{value} {value:.2f} {threshold:,.0f}")
    (row,) = find(bars(spark, (200.0, 1.0)), found)

    assert (row["value"], row["threshold"], row["message"]) == (None, None, "n/a n/a n/a")


def test_levels_are_columns(spark: SparkSession) -> None:
    limit = rule("close > limit", threshold="limit", message="above {limit:.1f}")
    found = find(bars(spark, (200.0, 1.0), (100.0, 1.0)), limit, limit=150)

    assert [(row["symbol"], row["threshold"], row["message"]) for row in found] == [("S0", 150.0, "above 150.0")]


@pytest.mark.parametrize(
    ("close", "template", "said"),
    [
        (4.5e-7, "{close:price}", "0.00000045"),
        (8.01e-6, "{close:price} {close}", "0.00000801 0.00000801"),
        (61837.63, "{close:price}", "61,837.63"),
        (1234567.5, "{close:price}", "1,234,567.50"),
        (100.0, "{close:price} {close:amount}", "100.00 100"),
        (-37.63, "{close:price}", "-37.63"),
        (1e25, "{close:price}", "1.0E25"),
    ],
)
def test_digits_suit_the_price(spark: SparkSession, close: float, template: str, said: str) -> None:
    (row,) = find(bars(spark, (close, 1.0)), rule("close IS NOT NULL", message=template))

    assert row["message"] == said


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{close}", "1,234.5678"),
        ("{close:.1f}", "1234.6"),
        ("{close:,.0f}", "1,235"),
        ("{volume}", "10,000,000"),
        ("{trade_count}", "1"),
        ("{trade_count:.2f}", "1.00"),
        ("{window_start}", "2026-01-02 12:00:00"),
        ("100 % of {{it}} <'\">", "100 % of {it} <'\">"),
        ("", ""),
    ],
)
def test_what_stands_in_for_a_placeholder(spark: SparkSession, template: str, said: str) -> None:
    (row,) = find(bars(spark, (1234.5678, 1.0)), rule(message=template))

    assert row["message"] == said
