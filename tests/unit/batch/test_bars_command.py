"""`mdstream bars`, as a user calls it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mdstream.schemas import BAR
from tests.unit.batch.conftest import Command

TICKS = "symbol,price,size,event_time,conditions\nA,10,1,2026-01-02T14:30:00Z,\nA,20,3,2026-01-02T14:30:30Z,Z\n"


@pytest.fixture
def bars(bars_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ticks.csv").write_text(TICKS)
    return bars_command


def test_the_command_writes_bars_and_says_how_many(bars: Command) -> None:
    code, said = bars("--input", "ticks.csv", "--output", "bars.parquet", "--window", "1min", "--window", "1h")
    assert code == 0
    assert "2 bars of 2 ticks in bars.parquet" in said
    assert [(row["window"], row["close"]) for row in pq.read_table("bars.parquet").to_pylist()] == [
        ("1h", 20.0),
        ("1min", 20.0),
    ]


def test_without_windows_those_configured_are_taken(bars: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("window_configurations: [{name: half, duration: 30}]\n")
    code, _ = bars("--input", "ticks.csv", "--output", "bars.csv", "--config", "mine.yaml")
    assert code == 0
    assert [line.split(",")[1] for line in Path("bars.csv").read_text().splitlines()[1:]] == ['"half"', '"half"']


def test_a_conditions_table_decides_which_trades_shape_a_bar(bars: Command, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("\ufeffcode,open_close,high_low,volume\nZ,false,false,true\n", "utf-8")
    arguments = ("--input", "ticks.csv", "--output", "bars.parquet", "--window", "1min")
    code, _ = bars(*arguments, "--conditions", "table.csv")
    assert code == 0
    (bar,) = pq.read_table("bars.parquet").to_pylist()
    assert (bar["close"], bar["high"], bar["volume"], bar["vwap"]) == (10.0, 10.0, 4.0, 10.0)
    # The configured table is that of the stream; one on the command line goes before it.
    (tmp_path / "mine.yaml").write_text("ticks: {conditions_table: table.csv}\n")
    assert bars(*arguments, "--config", "mine.yaml")[0] == 0
    assert pq.read_table("bars.parquet").to_pylist() == [bar]
    (tmp_path / "all.csv").write_text("code,open_close,high_low,volume\n")
    assert bars(*arguments, "--config", "mine.yaml", "--conditions", "all.csv")[0] == 0
    assert pq.read_table("bars.parquet").to_pylist()[0]["close"] == 20.0


def test_rows_left_out_are_said_by_reason(bars: Command, tmp_path: Path) -> None:
    bad = "A,-1,1,2026-01-02T14:30:00Z,\n" * 1200 + "A,1,,2026-01-02T14:30:00Z,\n"
    (tmp_path / "ticks.csv").write_text(TICKS + bad)
    code, said = bars("--input", "ticks.csv", "--output", "bars.parquet", "--window", "1min")
    assert code == 0
    lines = [line.strip() for line in said.splitlines() if "left out" in line]
    assert lines == [
        "1,200 rows left out: price not positive (ticks.nonpositive_prices: true takes prices of zero and below)",
        "1 rows left out: size missing",
    ]


def test_prices_of_zero_and_below_make_bars_where_they_may_be(bars: Command, tmp_path: Path) -> None:
    # Crude oil on 2020-04-20, by hand: -40.32 x 1 - 37.63 x 10 = -416.62, over 11 contracts.
    oil = "CLK0,0,5,2020-04-20T18:28:10Z,\nCLK0,-40.32,1,2020-04-20T18:29:58Z,\nCLK0,-37.63,10,2020-04-20T18:29:59Z,\n"
    (tmp_path / "ticks.csv").write_text(TICKS.splitlines()[0] + "\n" + oil)
    (tmp_path / "mine.yaml").write_text("ticks: {nonpositive_prices: true}\n")
    arguments = ("--input", "ticks.csv", "--output", "bars.parquet", "--window", "1min", "--config", "mine.yaml")
    assert bars(*arguments)[0] == 0
    first, last = pq.read_table("bars.parquet").to_pylist()
    assert (first["open"], first["low"], first["vwap"]) == (0.0, 0.0, 0.0)
    assert [last[name] for name in ("open", "high", "low", "close", "volume")] == [-40.32, -37.63, -40.32, -37.63, 11.0]
    assert last["vwap"] == pytest.approx(-416.62 / 11, abs=1e-11)


@pytest.mark.parametrize("conditions", ['"12,37"', "12;37", "12 37", '"[12,37]"', '"[""12"",""37""]"', "37.0"])
def test_conditions_in_any_form_of_a_list_bar_a_trade(bars: Command, tmp_path: Path, conditions: str) -> None:
    trades = f"A,100,100,2026-01-05T14:30:00Z,\nA,150,5,2026-01-05T14:30:10Z,{conditions}\n"
    (tmp_path / "ticks.csv").write_text(TICKS.splitlines()[0] + "\n" + trades)
    (tmp_path / "table.csv").write_text("code,open_close,high_low,volume\n12,true,true,true\n37,false,false,true\n")
    assert (
        bars("--input", "ticks.csv", "--output", "bars.parquet", "--window", "1min", "--conditions", "table.csv")[0]
        == 0
    )
    (bar,) = pq.read_table("bars.parquet").to_pylist()
    assert (bar["high"], bar["close"], bar["volume"], bar["vwap"]) == (100.0, 100.0, 105.0, 100.0)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("ms.csv", "symbol,price,size,event_time\nB,1,1,1735689600023\n", "as ms it is 2025-01-01T00:00:00.023"),
        ("array.json", '[\n {"symbol": "A", "price": 1.5}\n]', "jq -c"),
        ("array.json", '[{"symbol": "A", "price": 1.5}]', "jq -c"),
        ("header.csv", "symbol,price,size,event_time\n", "it has no rows"),
        ("empty.jsonl", "", "it has no rows"),
        ("prices.csv", "symbol,price,size,event_time\nC,-1,1,2020-04-20\n", "ticks.nonpositive_prices"),
    ],
)
def test_a_file_of_which_nothing_is_usable_leaves_the_output_alone_and_starts_no_spark(
    bars: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str, said: str
) -> None:
    monkeypatch.setattr("mdstream.streaming.build_session", None)
    (tmp_path / name).write_text(content)
    (tmp_path / "bars.parquet").write_bytes(b"yesterday's")
    code, error = bars("--input", name, "--output", "bars.parquet", "--window", "1min")
    assert code == 1
    assert f"nothing in {name} is usable" in error
    assert said in error
    assert (tmp_path / "bars.parquet").read_bytes() == b"yesterday's"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({name, "bars.parquet", "ticks.csv"})


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("--input", "absent.csv", "--output", "bars.csv"), 1, "error: there is no file absent.csv"),
        (("--input", "ticks.csv", "--output", "bars.doc"), 1, "error: bars.doc is not of a known kind"),
        (("--input", "prices.csv", "--output", "bars.csv"), 1, "error: prices.csv has no column event_time"),
        (("--input", "nothing.csv", "--output", "bars.csv"), 1, "error: nothing.csv"),
        (
            ("--input", "ticks.csv", "--output", "bars.csv", "--window", "1 fortnight"),
            1,
            "error: window '1 fortnight' is not a number and a unit (s, min, h, d), e.g. 1min or 4h",
        ),
        (("--input", "ticks.csv", "--output", "bars.csv", "--window", "60d"), 1, "error: window 60d is longer than"),
        (
            ("--input", "ticks.csv", "--output", "bars.csv", "--conditions", "prices.csv"),
            1,
            "error: condition table: expected the header code,open_close,high_low,volume",
        ),
        (
            ("--input", "ticks.csv", "--output", "bars.csv", "--conditions", "absent.csv"),
            1,
            "error: cannot read the condition table absent.csv",
        ),
        (("--input", "ticks.csv"), 2, "Missing option '--output'"),
        (("--input", "ticks.csv", "--output", "bars.csv", "--windows", "1min"), 2, "No such option: --windows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_in_one_message(
    bars: Command, tmp_path: Path, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    (tmp_path / "prices.csv").write_text("symbol,price,size,time\nA,1,1,1\n")
    (tmp_path / "nothing.csv").write_text("")
    ended, said = bars(*arguments)
    assert ended == code
    assert reason in said
    assert "Traceback" not in said
    assert not (tmp_path / "bars.csv").exists()


def test_the_command_is_a_process_that_needs_no_server_and_no_connector(tmp_path: Path) -> None:
    (tmp_path / "ticks.csv").write_text(TICKS)
    command = [sys.executable, "-m", "mdstream", "bars", "--input", "ticks.csv", "--window", "1min"]
    done = subprocess.run(
        [*command, "--output", "bars.parquet"], cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "1 bars of 2 ticks in bars.parquet" in done.stderr
    assert pq.read_schema(tmp_path / "bars.parquet").equals(BAR.schema)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.parquet", "ticks.csv"]
