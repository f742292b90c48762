"""`mdstream rules`, as a user calls it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from mdstream.cli import main
from mdstream.schemas import ANOMALY, BAR
from tests.unit.batch.conftest import KeptSession

Rules = Callable[..., tuple[int, str, str]]
"""Runs `mdstream rules`; gives the exit code and what it wrote on standard output and standard error."""

START = datetime(2026, 1, 2, 14, 30, tzinfo=UTC)


@pytest.fixture
def rules(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Rules:
    monkeypatch.setattr("mdstream.streaming.build_session", lambda *_, **__: KeptSession(spark))
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    write_bars(Path("bars.parquet"), [100.0] * 20 + [105.0, 106.0, 200.0])

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mdstream", "rules", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run


def write_bars(path: Path, closes: list[float]) -> None:
    """Bars of one symbol, a minute each, whose prices are all the close."""
    starts = [START + timedelta(minutes=number) for number in range(len(closes))]
    prices = dict.fromkeys(("open", "high", "low", "close", "vwap"), closes)
    columns = {
        "symbol": ["A"] * len(closes),
        "window": ["1min"] * len(closes),
        "window_start": starts,
        "window_end": [start + timedelta(minutes=1) for start in starts],
        **prices,
        "volume": [10.0] * len(closes),
        "trade_count": [7] * len(closes),
        "last_event_time": starts,
        "last_ingest_time": [None] * len(closes),
    }
    pq.write_table(pa.table({name: columns[name] for name in BAR.schema.names}, BAR.schema), path)


def test_the_shipped_rules_can_be_used(rules: Rules) -> None:
    code, said, _ = rules("check")

    assert code == 0
    assert said == ("5 rules can be used: price_spike, volume_spike, rsi_overbought, rsi_oversold, high_latency\n")


def test_what_is_found_is_counted_shown_and_written(rules: Rules) -> None:
    code, said, summary = rules("test", "--input", "bars.parquet", "--output", "found.parquet")

    # 105 is 5 % from 100 and not more. 106 is 5.7 % from 100.25 = (19 x 100 + 105) / 20, 200 is 98.9 % from 100.55.
    assert code == 0
    # RSI is 100 in the last three; before, nothing moves, and RSI's 0 there is no finding.
    assert summary.strip().splitlines()[-1] == "5 anomalies of 23 bars in found.parquet"
    rows = [line.split() for line in said.splitlines()]
    assert ["│", "price_spike", "│", "0", "│", "0", "│", "1", "│", "1", "│", "2", "│"] in rows
    assert "close 106.00 is 5.7 % from 100.25, the average of the 20 bars before" in said
    assert "2026-01-02 14:52:00" in said
    assert ["│", "rsi_overbought", "│", "0", "│", "0", "│", "3", "│", "0", "│", "3", "│"] in rows
    assert ["│", "rsi_oversold", "│", "0", "│", "0", "│", "0", "│", "0", "│", "0", "│"] in rows
    found = pq.read_table("found.parquet")
    assert found.schema.equals(ANOMALY.schema)
    spikes = [row for row in found.to_pylist() if row["rule"] == "price_spike"]
    assert [(row["severity"], round(row["value"], 4), row["threshold"], row["trade_count"]) for row in spikes] == [
        ("high", 5.7357, 5.0, 7),
        ("critical", 98.906, 5.0, 7),
    ]


def test_rules_of_a_file(rules: Rules) -> None:
    Path("mine.yaml").write_text("- {name: dear, predicate: close > 150, severity: low, message: 'at {close:.0f}'}\n")
    code, said, summary = rules("test", "--input", "bars.parquet", "--rules", "mine.yaml")

    assert code == 0
    assert "at 200" in said
    assert "price_spike" not in said
    assert summary.endswith("1 anomalies of 23 bars\n")


@pytest.mark.parametrize("command", [["check"], ["test", "--input", "bars.parquet"]])
def test_a_rule_that_cannot_be_used(rules: Rules, command: list[str]) -> None:
    Path("mine.yaml").write_text("- {name: dear, predicate: clse > 150, severity: low, message: dear}\n")
    code, said, error = rules(*command, "--rules", "mine.yaml")

    assert (code, said) == (1, "")
    assert "rule 'dear': predicate `clse > 150`: there is no column clse; did you mean 'close'?" in error
    assert "Traceback" not in error


def test_bars_that_lack_a_column(rules: Rules) -> None:
    table = pq.read_table("bars.parquet").drop_columns(["vwap"])
    pq.write_table(table, "less.parquet")
    code, _, error = rules("test", "--input", "less.parquet")

    assert code == 1
    assert "less.parquet has no column vwap" in error
