"""`mdstream predict --input`: a forecast from a file of bars."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from mdstream.cli.app import app
from mdstream.errors import InvalidInputError

END = datetime(2026, 1, 5, 14, 31, tzinfo=UTC)


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Bars of a minute of two symbols, the newest first, one of five minutes, and a price that is none at the end."""
    rows = [
        {"symbol": symbol, "window": window, "window_end": END + timedelta(minutes=minute), "close": close, "volume": 5}
        for symbol, window, minute, close in [
            ("BTTC", "1min", 2, float("nan")),
            ("BTTC", "1min", 1, 4.5e-7),
            ("BTTC", "1min", 0, 4.4e-7),
            ("^GSPC", "1min", 0, 6900.25),
            ("^GSPC", "5min", 4, 7000.0),
        ]
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "bars.parquet")
    return tmp_path / "bars.parquet"


def predict(bars: Path, *arguments: str) -> Result:
    models = {"MDSTREAM_FORECASTING__MODELS": str(bars.parent / "models"), "COLUMNS": "80"}
    return CliRunner().invoke(app, ["predict", "--input", str(bars), *arguments], env=models)


@pytest.mark.parametrize(("symbol", "minute", "close"), [("BTTC", 1, 4.5e-7), ("^GSPC", 0, 6900.25)])
def test_without_a_model_it_is_the_last_usable_price_and_says_so(
    bars: Path, symbol: str, minute: int, close: float
) -> None:
    said = predict(bars, symbol, "--minutes", "15", "--json")
    assert said.exit_code == 0
    made = json.loads(said.stdout)
    assert (made["symbol"], made["predicted_price"], made["naive_price"]) == (symbol, close, close)
    assert (made["model_version"], made["beats_naive"]) == ("naive", False)
    due = END + timedelta(minutes=minute + 15)
    assert made["target_time"] == int(due.timestamp()) * 1_000_000
    shown = predict(bars, symbol)
    assert {"0.00000045", "4.5e-07", "4.5e-7", "6,900.25", "6900.25"} & set(shown.stdout.split())
    assert "there is no usable model: this is the last price" in shown.stderr


def test_a_symbol_that_the_file_has_not_is_said_with_those_that_it_has(bars: Path) -> None:
    said = predict(bars, "AAPL")
    assert isinstance(said.exception, InvalidInputError)
    assert "no closed bar of AAPL, window 1min" in str(said.exception)
    assert str(said.exception).endswith("there are those of: BTTC, ^GSPC")


def test_a_file_that_is_no_parquet_is_said_with_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("symbol,close\nAAPL,1\n")
    said = predict(tmp_path / "bars.csv", "AAPL")
    assert isinstance(said.exception, InvalidInputError)
    assert "expected parquet with symbol, window, window_end, close, volume" in str(said.exception)
