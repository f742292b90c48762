"""Rules are made of what is known to have bounds and cannot fail: attacks on that, and anything else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from mdstream.config.rules import SHIPPED_RULES
from mdstream.streaming.allowed import FUNCTIONS
from mdstream.streaming.expressions import check_expression
from tests.unit.streaming.any_expression import expressions, hard_bars


@pytest.fixture(scope="module")
def bars(spark: SparkSession) -> DataFrame:
    return hard_bars(spark)


@pytest.mark.parametrize(
    ("expression", "instead"),
    [
        # One row stops the query.
        ("trade_count*9223372036854775807 > 1", "write try_multiply(a, b)"),
        ("trade_count + 1 > 1", "write try_add(a, b)"),
        ("trade_count * 12345678901234567890.5 > 1", "write try_multiply(a, b)"),
        ("-trade_count < 1", "write try_subtract(0, a)"),
        ("abs(trade_count) > 1", "write greatest(a, try_subtract(0, a))"),
        ("CASE WHEN close > 1 THEN CAST('abc' AS int) ELSE 1 END = 1", "write TRY_CAST"),
        ("CAST(close AS timestamp) > window_start", "write TRY_CAST"),
        ("to_date(symbol) > window_start", "write TRY_CAST(a AS DATE)"),
        ("to_timestamp(symbol) > window_start", "write TRY_CAST(a AS DATE) or TRY_CAST(a AS TIMESTAMP)"),
        ("to_number(symbol, '999') > 1", "write TRY_CAST(a AS DOUBLE)"),
        ("xpath_string(symbol, 'a') = 'b'", "write columns"),
        ("from_json(symbol, 'a int', map('mode', 'FAILFAST')) IS NULL", "write columns"),
        ("window_start + INTERVAL '9999' YEAR > window_end", "write unix_seconds(a)"),
        ("TRY_CAST(symbol AS timestamp) - INTERVAL 1 DAY > window_end", "write unix_seconds(a)"),
        ("from_utc_timestamp(window_start, symbol) > window_end", "(window_start, 'America/New_York')"),
        ("from_utc_timestamp(window_start, 'Mars') > window_end", "expected the name of a time zone"),
        ("split(symbol, '(')[0] = 'a'", "write get(array, index)"),
        ("symbol LIKE 'a\\\\b'", "write symbol LIKE 'X:%'"),
        # It never ends.
        ("symbol RLIKE '(a+)+$'", "write symbol RLIKE '^[A-Z]+USDT$'"),
        ("symbol RLIKE 'a*a*a*a*a*$'", "at most 3 repetitions"),
        ("symbol RLIKE window", "RLIKE takes a column and a pattern"),
        ("regexp_like(symbol, '(a+)+$')", "write a LIKE '...'"),
        ("get(split(symbol, '(a+)+$'), 0) = 'a'", "write split(symbol, ':')"),
        ("symbol LIKE '%a%a%a%a%'", "at most 3 %"),
        # It fills the memory.
        ("repeat(symbol, 200000000) = 'a'", "write concat(a, b)"),
        ("lpad(symbol, 2000000000, 'a') = 'a'", "write concat(a, b)"),
        ("replace(symbol, 'a', 'aaaaaaaa') = 'a'", "write concat(a, b)"),
        ("size(sequence(1, 1000000000)) > 1", "write concat(a, b)"),
        ("string(split(symbol, ':')) = 'a'", "write TRY_CAST"),
        ("round(close, 2000000000) > 1", "write round(a, 2)"),
        # It looks further than the bar.
        ("system.builtin.abs(close) > 1", "there is no function system.builtin.abs in rules"),
        ("session_user = 'a'", "there is no column session_user"),
        ("exists(array(1), x -> x > 1)", "there is no function exists in rules"),
        ("close > 1 and (", "it is not Spark SQL"),
        (" OR ".join(["close > 1"] * 200), "2,596 characters; expected at most 2,000"),
        ("+".join(["close"] * 40) + " > 1", "more than 32 operators deep"),
    ],
)  # fmt: skip
def test_attacks(bars: DataFrame, expression: str, instead: str) -> None:
    began = time.monotonic()
    problem = check_expression(bars, expression).problem

    assert problem is not None
    assert instead in problem
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("place", ["SELECT count(*) FROM csv.`{file}`", "SELECT 1 FROM text.`{file}` LIMIT 1"])
def test_a_rule_that_reads_a_file_runs_nothing(bars: DataFrame, tmp_path: Path, place: str) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("a,b\n1,2\n")
    tracker = bars.sparkSession.sparkContext.statusTracker()
    bars.sparkSession.sparkContext.setJobGroup(str(tmp_path), "the check of a rule")
    try:
        query = place.format(file=file)
        assert check_expression(bars, f"close > ({query})").problem == "a subquery is not possible: a rule sees one bar"
        assert not tracker.getJobIdsForGroup(str(tmp_path))
        # Analysing alone would have run one: this is what is kept away from.
        bars.sparkSession.sql(f"SELECT ({query})")
        assert bool(tracker.getJobIdsForGroup(str(tmp_path))) == ("csv" in place)
    finally:
        bars.sparkSession.sparkContext.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]


def test_the_functions_that_there_are_are_listed_where_rules_are_written() -> None:
    _, _, behind = SHIPPED_RULES.read_text().partition("# Functions:\n")
    listed = behind.partition("\n\n")[0].replace("#", "").split()

    assert listed == sorted(FUNCTIONS)


@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(st.lists(expressions(), min_size=30, max_size=30, unique=True))
def test_what_is_accepted_never_fails(bars: DataFrame, listed: list[str]) -> None:
    accepted = [text for text in listed if check_expression(bars, text).problem is None]

    results = bars.selectExpr(*(f"({text}) AS x{place}" for place, text in enumerate(accepted)))
    results.write.format("noop").mode("overwrite").save()
    assert len(accepted) > 4
