"""Rules that would fail or mean nothing in the stream are refused before it starts."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from mdstream.config import Settings, load_rules
from mdstream.config.rules import SHIPPED_RULES
from mdstream.errors import ConfigError
from mdstream.schemas.rules import Rule
from mdstream.streaming import check_rules

SETTINGS = Settings(rules_file=SHIPPED_RULES)


def rule(**changes: Any) -> Rule:  # noqa: ANN401 - whatever a rule takes
    return Rule(**({"name": "mine", "predicate": "close > 1", "severity": "low", "message": "m"} | changes))


def refusal(spark: SparkSession, *rules: Rule, settings: Settings = SETTINGS) -> str:
    with pytest.raises(ConfigError) as caught:
        check_rules(spark, rules, settings)
    first, *problems = str(caught.value).splitlines()
    assert first == "anomaly rules cannot be used:"
    return "\n".join(problem.strip() for problem in problems)


def test_the_shipped_rules_are_usable(spark: SparkSession) -> None:
    check_rules(spark, load_rules(SETTINGS), SETTINGS)


@pytest.mark.parametrize(
    "predicate",
    [
        "close / 3 > 1",
        "volume % 7 = 0",
        "try_divide(close, volume) > 2",
        "trade_count * 0.5 > 1",
        "try_cast(symbol AS int) = 1",
        "get(split(symbol, ':'), 1) = 'x'",
        "window = '1min' AND symbol IN ('A', 'B')",
        "window_start > '2026-01-01' AND hour(window_start) = 15",
        "rsi_14 > rsi_14_overbought AND latency_ms > 5 AND previous_close < average_close_20",
        "current_timestamp() > window_end",
    ],
)
def test_usable_predicates(spark: SparkSession, predicate: str) -> None:
    check_rules(spark, [rule(predicate=predicate)], SETTINGS)


SEVERAL_ROWS = "aggregate, window and generator functions are not possible: a rule sees one bar"
NOT_DETERMINISTIC = "it is not deterministic: after a restart the same bar could get another result"


@pytest.mark.parametrize(
    ("predicate", "reason"),
    [
        ("clse > 1", "there is no column clse; did you mean 'close'?"),
        ("sma_21 > 1", "there is no column sma_21; did you mean 'sma_20'?"),
        ("clsoe(close) > 1", "there is no function clsoe"),
        ("close >", "it is not Spark SQL: look at or before end of input"),
        ("close > 1; DROP TABLE x", "it is not Spark SQL: look at or before ';'"),
        ("sum(close) > 1", SEVERAL_ROWS),
        ("sum(close) OVER (PARTITION BY symbol) > 1", SEVERAL_ROWS),
        ("explode(array(1, 2)) > 1", SEVERAL_ROWS),
        ("close > (SELECT 1)", "a subquery is not possible: a rule sees one bar"),
        ("rand() > 0.5", NOT_DETERMINISTIC),
        ("uuid() = symbol", NOT_DETERMINISTIC),
        ("java_method('java.lang.System', 'getProperty', 'user.home') = 'x'", NOT_DETERMINISTIC),
        ("close", "it gives double; expected true or false"),
        ("NULL", "it gives void; expected true or false"),
        ("close = 'abc'", "CAST('abc' AS DOUBLE) stops the job where it is not possible: write TRY_CAST"),
        ("close / volume > 1", "volume may be 0, and a division by it would stop the job: write try_divide(a, b)"),
        ("close / 0 > 1", "may be 0, and a division by it would stop the job: write try_divide(a, b)"),
        ("mod(volume, open) = 1", "open may be 0, and a division by it would stop the job: write try_mod(a, b)"),
        ("CAST(symbol AS int) = 1", "CAST(symbol AS INT) stops the job where it is not possible: write TRY_CAST"),
        ("CAST(close AS int) = 1", "CAST(close AS INT) stops the job where it is not possible: write TRY_CAST"),
        ("split(symbol, ':')[1] = 'x'", "stops the job where there is no such element: write get(array, index)"),
        ("element_at(split(symbol, ':'), 2) = 'x'", "write get(array, index)"),
        ("raise_error('x')", "raise_error and assert_true stop the job"),
    ],
)
def test_refused_predicates(
    spark: SparkSession, capfd: pytest.CaptureFixture[str], predicate: str, reason: str
) -> None:
    message = refusal(spark, rule(predicate=predicate))

    assert message.startswith(f"rule 'mine': predicate `{predicate}`: ")
    assert reason in message
    assert "SQLSTATE" not in message
    assert len(message) < 400
    # Spark's own log of it, with the whole stack, is left out.
    assert "Traceback" not in capfd.readouterr().err


def test_what_is_refused_does_stop_a_query(spark: SparkSession) -> None:
    from pyspark.errors import PySparkException

    frame = spark.createDataFrame([(1.0, 0.0, "A")], "close double, volume double, symbol string").repartition(2)
    for expression in ("close / volume", "close % volume", "CAST(symbol AS int)", "split(symbol, ':')[1]"):
        with pytest.raises(PySparkException):
            frame.selectExpr(expression).collect()
    for expression in ("try_divide(close, volume)", "try_mod(close, volume)", "get(split(symbol, ':'), 1)"):
        [row] = frame.selectExpr(expression).collect()
        assert row[0] is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"severity": "hihg"}, "severity `hihg`: there is no column hihg; did you mean 'high'?"),
        ({"severity": "'hihg'"}, "severity `'hihg'`: there is no severity 'hihg'; did you mean 'high'?"),
        (
            {"severity": "CASE WHEN close > 2 THEN 'high' WHEN close > 1 THEN 'hihg' ELSE 'low' END"},
            "there is no severity 'hihg'",
        ),
        ({"severity": "CASE WHEN symbol = 'x' THEN 'high' ELSE 'lw' END"}, "there is no severity 'lw'"),
        ({"severity": "if(close > 1, 'high', coalesce(symbol, 'none'))"}, "there is no severity 'none'"),
        ({"severity": "close"}, "severity `close`: it gives double; expected text"),
        ({"value": "symbol"}, "value `symbol`: it gives string; expected a number"),
        ({"threshold": "window_start"}, "threshold `window_start`: it gives timestamp; expected a number"),
        ({"threshold": "avg(close)"}, f"threshold `avg(close)`: there is no function avg in rules: {SEVERAL_ROWS}"),
        ({"message": "{clse}"}, "message: there is no column clse; did you mean 'close'?"),
        ({"message": "{symbol:.2f}"}, "message: symbol is not a number and cannot be written as .2f"),
        ({"message": "{severity:.2f}"}, "message: severity is not a number and cannot be written as .2f"),
    ],
)
def test_other_parts_of_a_rule(spark: SparkSession, changes: dict[str, str], problem: str) -> None:
    message = refusal(spark, rule(**changes))

    assert message.startswith("rule 'mine': ")
    assert problem in message


def test_every_problem_is_told_at_once(spark: SparkSession) -> None:
    message = refusal(spark, rule(name="one", predicate="a > 1", value="b"), rule(), rule(name="two", threshold="c"))

    assert [line.split(":")[0] + line.split("`")[1] for line in message.splitlines()] == [
        "rule 'one'a > 1",
        "rule 'one'b",
        "rule 'two'c",
    ]


def test_columns_are_those_of_the_configured_indicators(spark: SparkSession) -> None:
    settings = Settings(technical_indicators={"sma": {"period": 3}})

    check_rules(spark, [rule(predicate="close > sma_3")], settings)
    message = refusal(spark, *load_rules(SETTINGS), settings=settings)
    assert message.splitlines()[0].startswith("rule 'rsi_overbought': predicate `rsi_14 > rsi_14_overbought`: there is")
