"""The rules that come with mdstream, at and around their limits, on bars of every kind."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from mdstream.config import RULES_OF_QUOTES, Settings, load_rules
from mdstream.config.rules import SHIPPED_RULES
from mdstream.schemas.rules import Rule
from mdstream.transforms import to_anomalies

RULES: tuple[Rule, ...] = load_rules(Settings(rules_file=SHIPPED_RULES))
LEVELS = {"rsi_14_overbought": 70.0, "rsi_14_oversold": 30.0}
COLUMNS = (
    "symbol string, window string, window_start timestamp, trade_count bigint, close double, previous_close double, "
    "volume double, average_close_20 double, average_volume_20 double, rsi_14 double, latency_ms double"
)
QUIET: dict[str, float | None] = {
    "close": 100.0,
    "previous_close": 100.0,
    "volume": 1000.0,
    "average_close_20": 100.0,
    "average_volume_20": 1000.0,
    "rsi_14": 50.0,
    "latency_ms": 3.0,
}


def found(spark: SparkSession, **changes: float | None) -> list[tuple[str, str]]:
    bar = ("A", "1min", None, 1, *(QUIET | changes).values())
    frame = spark.createDataFrame([bar], COLUMNS).repartition(1)
    return [(row["rule"], row["severity"]) for row in to_anomalies(frame, RULES, LEVELS).sort("rule").collect()]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"close": 105.0}, []),
        ({"close": 105.01}, [("price_spike", "high")]),
        ({"close": 95.0}, []),
        ({"close": 94.99}, [("price_spike", "high")]),
        ({"close": 89.99}, [("price_spike", "critical")]),
        ({"volume": 3000.0}, []),
        ({"volume": 3001.0}, [("volume_spike", "low")]),
        ({"volume": 5001.0}, [("volume_spike", "medium")]),
        ({"volume": 10_001.0}, [("volume_spike", "high")]),
        ({"rsi_14": 70.0}, []),
        ({"rsi_14": 70.1}, [("rsi_overbought", "low")]),
        ({"rsi_14": 90.1}, [("rsi_overbought", "high")]),
        ({"rsi_14": 30.0}, []),
        ({"rsi_14": 29.9}, [("rsi_oversold", "low")]),
        ({"rsi_14": 19.9}, [("rsi_oversold", "medium")]),
        # Nothing but losses, and nothing at all.
        ({"rsi_14": 0.0, "previous_close": 100.1}, [("rsi_oversold", "high")]),
        ({"rsi_14": 0.0}, []),
        ({"latency_ms": 100.0}, []),
        ({"latency_ms": 100.1}, [("high_latency", "low")]),
        ({"latency_ms": 1000.1}, [("high_latency", "medium")]),
        ({"latency_ms": 5000.1}, [("high_latency", "high")]),
    ],
)
def test_limits(spark: SparkSession, changes: dict[str, float], expected: list[tuple[str, str]]) -> None:
    assert found(spark, **changes) == expected


@pytest.mark.parametrize("average", [None, 0.0])
def test_a_series_that_is_young_or_without_trade_is_no_anomaly_and_no_error(
    spark: SparkSession, average: float | None
) -> None:
    assert found(spark, average_close_20=average, average_volume_20=average, rsi_14=None, latency_ms=None) == []


def test_all_at_once_and_what_is_said(spark: SparkSession) -> None:
    bar = QUIET | {"close": 120.0, "volume": 1_234_567.0, "rsi_14": 88.8, "latency_ms": 1500.0}
    frame = spark.createDataFrame([("A", "1min", None, 1, *bar.values())], COLUMNS)
    messages = {row["rule"]: row["message"] for row in to_anomalies(frame, RULES, LEVELS).collect()}

    assert messages == {
        "price_spike": "close 120.00 is 20.0 % from 100.00, the average of the 20 bars before",
        "volume_spike": "volume 1,234,567 is more than 3 times 1,000, the average of the 20 bars before",
        "rsi_overbought": "RSI 88.8 is above 70: overbought",
        "high_latency": "the bar came 1,500 ms after its newest tick",
    }


OF_QUOTES: tuple[Rule, ...] = load_rules(Settings(rules_file=RULES_OF_QUOTES))
QUIET_MARKET: dict[str, float | None] = {
    "high": 101.0,
    "low": 99.0,
    "previous_close": 100.0,
    "atr_14": 1.0,
    "volume": 1000.0,
    "average_volume_20": 900.0,
    "imbalance": 0.1,
    "spread": 0.02,
    "average_spread_20": 0.02,
}
CASES: list[tuple[dict[str, float | None], list[tuple[str, str]]]] = [
    ({}, []),
    ({"spread": 0.06, "average_spread_20": 0.021}, []),
    ({"spread": 0.07}, [("wide_spread", "medium")]),
    ({"spread": 0.25}, [("wide_spread", "high")]),
    ({"spread": 0.25, "average_spread_20": None}, []),
    ({"spread": 0.25, "average_spread_20": 0.0}, []),
    ({"spread": None}, []),
    ({"imbalance": 0.8}, []),
    ({"imbalance": 0.81}, [("one_sided_volume", "medium")]),
    ({"imbalance": -0.81}, [("one_sided_volume", "medium")]),
    ({"imbalance": -0.96, "volume": 2701.0}, [("one_sided_volume", "high")]),
    ({"imbalance": -0.96, "volume": 899.0}, []),
    ({"imbalance": None}, []),
    ({"high": 102.0}, []),
    ({"high": 102.1}, [("volatility_breakout", "medium")]),
    ({"previous_close": 104.1}, [("volatility_breakout", "high")]),
    ({"high": 120.0, "atr_14": None}, []),
]


def test_those_on_quotes_signs_and_volatility(spark: SparkSession) -> None:
    columns = ", ".join(f"{name} double" for name in QUIET_MARKET)
    rows = [(str(n), "1min", None, 1, *(QUIET_MARKET | changes).values()) for n, (changes, _) in enumerate(CASES)]
    frame = spark.createDataFrame(
        rows, f"symbol string, window string, window_start timestamp, trade_count bigint, {columns}"
    )
    seen: list[list[tuple[str, str]]] = [[] for _ in CASES]
    for row in to_anomalies(frame, OF_QUOTES).collect():
        seen[int(row["symbol"])].append((row["rule"], row["severity"]))
        assert "n/a" not in row["message"]
    assert seen == [expected for _, expected in CASES]


def test_those_are_off_unless_they_are_named() -> None:
    assert not {rule.name for rule in OF_QUOTES} & {rule.name for rule in RULES}
