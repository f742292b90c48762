"""The notebooks, run from top to bottom in kernels of their own, on little made-up data."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

_NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
_NAMES = [path.name for path in sorted(_NOTEBOOKS.glob("*.ipynb"))]
_CELL_SECONDS = 200
_PLOTLY = "application/vnd.plotly.v1+json"
_OF_JAVA = "WARNING: Using incubator modules: jdk.incubator.vector"
"""Java says it of the module that Spark always asks for, and has no way not to."""

Results = dict[str, Any]
Run = Callable[..., tuple[NotebookNode, Results]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a notebook with other parameters, and before its last cell one that gives results for the test to check."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    java = f"{os.environ['SPARK_SUBMIT_OPTS']} -Djava.io.tmpdir={tmp_path}"
    environment = os.environ | {"IPYTHONDIR": str(tmp_path / "ipython"), "SPARK_SUBMIT_OPTS": java}
    # With it a kernel leaves out what Java says, which a reader would see.
    del environment["PYTEST_CURRENT_TEST"]

    def execute(name: str, parameters: Results, results: str) -> tuple[NotebookNode, Results]:
        notebook = nbformat.read(_NOTEBOOKS / name, as_version=4)
        (place,) = [n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
        known = notebook.cells[place].source
        assert all(f"{parameter} = " in known for parameter in parameters), known
        values = "\n".join(f"{parameter} = {value!r}" for parameter, value in parameters.items())
        notebook.cells.insert(place + 1, new_code_cell(values))
        asked = new_code_cell(f"import json\nprint(json.dumps({results}))")
        notebook.cells.insert(len(notebook.cells) - 1, asked)
        client = NotebookClient(
            notebook, timeout=_CELL_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        )
        client.execute(env=environment)
        return notebook, json.loads(asked.outputs[0].text)

    return execute


def charts(notebook: NotebookNode) -> list[Results]:
    """The charts that are shown in the end."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [output.data[_PLOTLY] for output in outputs if _PLOTLY in output.get("data", {})]


def complaints(notebook: NotebookNode) -> list[str]:
    """What a reader would see in red."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    lines = [line for output in outputs if output.get("name") == "stderr" for line in output.text.splitlines()]
    return [line for line in lines if line and line != _OF_JAVA]


def test_there_are_eight() -> None:
    """The last needs the library alone: tests/unit/transforms runs it on any Spark."""
    assert [name[:3] for name in _NAMES] == [f"0{number}_" for number in range(1, 9)]


@pytest.mark.parametrize("name", _NAMES)
def test_only_what_was_written_is_stored(name: str) -> None:
    text = (_NOTEBOOKS / name).read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    # Ids that say what a cell is stay when others come and go.
    assert all(not any(sign.isdigit() for sign in cell.id) for cell in notebook.cells)


@pytest.mark.slow
def test_bars_and_indicators_are_those_of_the_ticks(run: Run) -> None:
    results = """{
        "ticks": [row.asDict() for row in ticks.select("symbol", "price", "size").collect()],
        "bars": bars.select("symbol", "window", "volume", "trade_count", "high", "low").toPandas().to_dict("records"),
        "close": shown["close"].tolist(),
        "sma": shown["sma_20"].tolist(),
        "bar_of_picture": symbol,
    }"""
    notebook, found = run("01_bars_and_indicators.ipynb", {"HOURS": 1, "SYMBOLS": ("AAPL", "MSFT")}, results)
    # About 10 a second in an hour.
    assert 35_000 < len(found["ticks"]) < 37_000
    for symbol in ("AAPL", "MSFT"):
        trades = [tick for tick in found["ticks"] if tick["symbol"] == symbol]
        for window, count in (("1min", 60), ("5min", 12)):
            own = [bar for bar in found["bars"] if (bar["symbol"], bar["window"]) == (symbol, window)]
            assert len(own) == count
            assert sum(bar["trade_count"] for bar in own) == len(trades)
            assert sum(bar["volume"] for bar in own) == sum(trade["size"] for trade in trades)
            assert max(bar["high"] for bar in own) == max(trade["price"] for trade in trades)
            assert min(bar["low"] for bar in own) == min(trade["price"] for trade in trades)
    assert found["sma"][-1] == pytest.approx(sum(found["close"][-20:]) / 20)
    (picture,) = charts(notebook)
    names = [trace.get("name") for trace in picture["data"]]
    assert names == [found["bar_of_picture"], "sma_20", "bb_upper", "bb_lower", "rsi_14"]
    assert complaints(notebook) == []


@pytest.mark.slow
def test_rules_find_what_a_loop_over_the_bars_finds(run: Run) -> None:
    results = """{
        "closes": {
            name: series.sort_values("window_start")["close"].tolist()
            for name, series in rows.select("symbol", "window_start", "close").toPandas().groupby("symbol")
        },
        "found": comparison["all"].to_dict(),
        "shipped": [rule.name for rule in rules],
    }"""
    parameters: Results = {"HOURS": 3, "SYMBOLS": ("TSLA", "NVDA"), "PERCENT": (1, 3, 5)}
    notebook, answers = run("02_anomaly_rules.ipynb", parameters, results)
    expected = dict.fromkeys(parameters["PERCENT"], 0)
    for closes in answers["closes"].values():
        for place in range(20, len(closes)):
            average = sum(closes[place - 20 : place]) / 20
            for percent in expected:
                expected[percent] += abs(closes[place] - average) > percent / 100 * average
    assert expected[1] > expected[5]
    assert answers["found"] == {f"spike_{percent}": count for percent, count in expected.items()}
    assert "price_spike" in answers["shipped"]
    assert len(charts(notebook)) == 1
    assert complaints(notebook) == []


@pytest.mark.slow
def test_forecasts_are_held_to_the_last_price(run: Run) -> None:
    results = """{
        "minutes": len(bars),
        "closes": bars.close.tolist(),
        "rows": evaluation.scores.rows,
        "naive_mae": evaluation.scores.naive_mae,
        "relative": evaluation.scores.relative_mae,
        "relative_shuffled": shuffled.scores.relative_mae,
        "skill_in_shuffled": shuffled.scores.beats_naive,
        "linear_rows": linear.scores.rows,
        "trained_until": [fold.trained_until.isoformat() for fold in evaluation.folds],
        "start": [fold.start.isoformat() for fold in evaluation.folds],
        "made": [made.last_price, made.lower, made.predicted_price, made.upper],
    }"""
    notebook, found = run("03_forecasts.ipynb", {"HOURS": 48, "TICKS_A_SECOND": 0.2, "ROUNDS": 60}, results)
    closes, rows = found["closes"], found["rows"]
    assert found["minutes"] == 48 * 60
    # The last forecasts are those whose outcome, five minutes on, is the last close.
    moves = [abs(closes[place + 5] - closes[place]) for place in range(len(closes) - 5 - rows, len(closes) - 5)]
    assert found["naive_mae"] == pytest.approx(sum(moves) / rows)
    assert found["linear_rows"] == rows
    # These prices come back from where they were pushed, a random walk does not.
    assert found["relative"] < 0.95
    assert 0.98 < found["relative_shuffled"] < 1.02
    assert not found["skill_in_shuffled"]
    assert all(known <= start for known, start in zip(found["trained_until"], found["start"], strict=True))
    last_price, lower, middle, upper = found["made"]
    assert last_price == closes[-1]
    assert lower < middle < upper
    assert len(charts(notebook)) == 1
    assert complaints(notebook) == []


@pytest.mark.slow
@pytest.mark.servers
def test_a_chart_follows_the_stream_and_nothing_is_left(run: Run) -> None:
    results = """{
        "real_time": [running.real_time for running in queries],
        "sent": producer.counts.acknowledged,
        "counted": sum(bar["trade_count"] for bar in bars.values()),
        "folder": str(servers.run.path),
    }"""
    notebook, found = run("04_live_stream.ipynb", {"ROUNDS": 4, "WINDOW_SECONDS": 2}, results)
    assert found["real_time"] == [True]
    assert found["counted"] == found["sent"] > 0
    # Each takes the place of the one before.
    (picture,) = charts(notebook)
    assert picture["data"][0]["type"] == "candlestick"
    assert not Path(found["folder"]).exists()
    assert complaints(notebook) == []


def test_bars_of_the_lake_as_they_were(run: Run) -> None:
    results = """{
        "versions": [version for version, _, _ in history],
        "counts": [table["trade_count"].unique().to_pylist() for table in (before, now)],
        "volumes": [pc.sum(table["volume"]).as_py() for table in (before, now)],
        "revised": len(revised),
        "folder": scratch.name,
    }"""
    notebook, found = run("05_lake.ipynb", {"MINUTES": 7}, results)
    assert found["versions"] == [2, 1, 0]
    assert found["counts"] == [[3], [4]]
    assert found["volumes"] == [7 * 300, 7 * 400]
    assert found["revised"] == 7
    assert not Path(found["folder"]).exists()
    assert complaints(notebook) == []


@pytest.mark.slow
def test_signs_and_spreads_are_those_of_the_quotes_that_were_met(run: Run) -> None:
    results = """{
        "trades": trades.select("symbol", "price", "size", "taker", F.unix_micros("event_time").alias("time"))
            .toPandas().to_dict("records"),
        "quotes": quotes.select("symbol", "bid", "ask", "sequence", F.unix_micros("event_time").alias("time"))
            .toPandas().to_dict("records"),
        "rules": rules.to_dict("index"),
        "costs": costs.set_index("symbol")["effective_spread"].to_dict(),
        "volume": both.groupby("symbol")["signed_volume"].sum().to_dict(),
    }"""
    notebook, found = run("06_quotes_and_signs.ipynb", {"SYMBOLS": ("AAPL", "NVDA"), "TICKS_A_MINUTE": 4}, results)
    trades = pd.DataFrame(found["trades"]).sort_values("time", kind="stable")
    quotes = pd.DataFrame(found["quotes"]).sort_values(["time", "sequence"])
    met = pd.merge_asof(trades, quotes, on="time", by="symbol", allow_exact_matches=False)
    mid = (met["bid"] + met["ask"]) / 2
    side = np.sign((met["price"] - mid).round(9))
    signed = side[(side != 0) & mid.notna()]
    assert found["rules"]["quote"]["signed"] == len(signed)
    assert found["rules"]["quote"]["right %"] == pytest.approx(100 * (signed == met["taker"][signed.index]).mean())
    assert found["rules"]["lee_ready"]["signed"] > len(signed)
    assert found["rules"]["quote"]["right %"] > 95 > found["rules"]["tick"]["right %"] > 45
    # In the middle, where only the tick rule tells, nothing is paid.
    paid = (2 * (met["price"] - mid).abs()).groupby(met["symbol"]).mean()
    assert found["costs"] == pytest.approx(paid.to_dict(), abs=1e-3)
    assert set(found["volume"]) == {"AAPL", "NVDA"}
    assert len(charts(notebook)) == 1
    assert complaints(notebook) == []


@pytest.mark.slow
def test_bars_of_dollars_have_the_same_in_each(run: Run) -> None:
    results = """{
        "counts": {kind: bars.count() for kind, bars in kinds.items()},
        "thresholds": thresholds,
        "dollars": [
            [row.symbol, row.volume * row.vwap]
            for row in dollars.where("is_complete").select("symbol", "volume", "vwap").collect()
        ],
        "largest": ticks.select(F.max(F.col("price") * F.col("size"))).first()[0],
        "days": table[table["symbol"] == "NVDA"][["open", "high", "low", "close"]].to_dict("list"),
        "parkinson": table[table["symbol"] == "NVDA"]["parkinson_5"].tolist(),
        "a_year": a_year,
    }"""
    parameters: Results = {"SYMBOLS": ("NVDA",), "DAYS": 14, "LENGTH": 5}
    notebook, found = run("07_activity_and_volatility.ipynb", parameters, results)
    # Ten sessions; the last bar of each day is one more.
    assert found["counts"]["by time"] == 10 * 26
    assert 10 * 24 <= found["counts"]["by dollars"] <= 10 * 28 + 10
    for symbol, dollars in found["dollars"]:
        assert abs(dollars - found["thresholds"][symbol]) <= found["largest"]
    ranges = np.log(np.array(found["days"]["high"][-5:]) / np.array(found["days"]["low"][-5:]))
    expected = np.sqrt((ranges**2).mean() / (4 * np.log(2)) * found["a_year"])
    assert found["parkinson"][-1] == pytest.approx(expected)
    assert 251 < found["a_year"] < 253
    assert len(charts(notebook)) == 1
    assert complaints(notebook) == []
