"""The scripts that people copy, run; those that ask servers are in tests/servers/serving."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

import mdstream as md
from mdstream.schemas import BAR
from mdstream.schemas.spark import spark_schema
from tests.examples_of_users import NAMES, first_sentence, script
from tests.unit.docs.pages import ROOT


def test_there_are_five_and_each_says_what_it_shows() -> None:
    assert NAMES == ["ask_rest", "bars_of_a_file", "follow_bars", "made_up_ticks", "own_rule"]
    for name in NAMES:
        assert first_sentence(name).startswith("Shows ")
        assert f"`{name}.py`" in (ROOT / "docs" / "start" / "examples.md").read_text(encoding="utf-8")


def test_ticks_become_bars_with_indicators(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("exchange_calendars")
    ticks, bars = tmp_path / "ticks.parquet", tmp_path / "bars.parquet"
    script("made_up_ticks").main(ticks)
    assert capsys.readouterr().out.count(" ticks from ") == 3

    script("bars_of_a_file").main(spark, ticks, bars)
    assert "1d@XNYS" in capsys.readouterr().out
    made = spark.read.parquet(str(bars))
    days = {tuple(row) for row in made.where("window = '1d@XNYS'").groupBy("symbol").count().collect()}
    assert days == {("AAPL", 2), ("MSFT", 2), ("BTCUSDT", 2)}
    assert made.where("rsi_14 BETWEEN 0 AND 100").count() > 1_000


def test_a_rule_of_ones_own_finds_what_it_says(
    spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = md.testing.table_of(BAR, [{"close": 102.0}]).to_pylist()[0]
    analysed = [
        (*row.values(), 71.0, 100.0),
        (*(row | {"symbol": "MSFT"}).values(), 60.0, 100.0),
        (*(row | {"symbol": "SPY"}).values(), None, None),
    ]
    schema = spark_schema(BAR).add("rsi_14", "double").add("sma_20", "double")
    frame = spark.createDataFrame(analysed, schema)
    [found] = script("own_rule").found_in(frame).collect()
    assert (found["symbol"], found["severity"]) == ("AAPL", "medium")
    assert found["message"] == "AAPL closed at 102.00, its average of 20 bars is 100.00 and RSI 71"

    frame.write.parquet(str(tmp_path / "bars.parquet"))
    script("own_rule").main(spark, tmp_path / "bars.parquet")
    assert "average of 20 bars" in capsys.readouterr().out
