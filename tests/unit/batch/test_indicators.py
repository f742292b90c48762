"""`mdstream indicators`: files of bars in, files of indicators out."""

from __future__ import annotations

import gzip
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mdstream.batch.files import BAR_INPUT, read_bars
from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR
from tests.unit.batch.conftest import Command
from tests.unit.indicators.series import VECTORS, vectors
from tests.unit.indicators.test_vectors import ATOL, COLUMN_OF, RTOL

HEADER = "symbol,window,window_start,open,high,low,close,volume\n"
BARS = HEADER + "".join(f"A,1min,2026-01-02T14:{30 + n}:00Z,1,9,1,{close},10\n" for n, close in enumerate((2, 4, 6)))
KEY = ["symbol", "window", "window_start"]


@pytest.fixture
def indicators(indicators_command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bars.csv").write_text(BARS)
    (tmp_path / "small.yaml").write_text("technical_indicators: {sma: {periods: [2, 3]}}\n")
    return indicators_command


def test_each_bar_gives_a_row_of_its_key_and_the_configured_indicators(indicators: Command) -> None:
    code, said = indicators("--input", "bars.csv", "--output", "out.parquet", "--config", "small.yaml")
    assert (code, "indicators of 3 bars in 1 series in out.parquet" in said) == (0, True)
    assert "without a value" not in said
    start = datetime(2026, 1, 2, 14, 30, tzinfo=UTC)
    assert pq.read_table("out.parquet").to_pylist() == [
        {"symbol": "A", "window": "1min", "window_start": start.replace(minute=minute), "sma_2": sma_2, "sma_3": sma_3}
        for minute, sma_2, sma_3 in ((30, None, None), (31, 3.0, None), (32, 5.0, 4.0))
    ]
    schema = pq.read_schema("out.parquet")
    assert [schema.field(name) for name in KEY] == [BAR.schema.field(name) for name in KEY]


def test_csv_in_and_out(indicators: Command) -> None:
    code, _ = indicators("--input", "bars.csv", "--output", "out.csv", "--config", "small.yaml")
    assert code == 0
    assert Path("out.csv").read_text().splitlines() == [
        '"symbol","window","window_start","sma_2","sma_3"',
        '"A","1min",2026-01-02 14:30:00.000000Z,,',
        '"A","1min",2026-01-02 14:31:00.000000Z,3,',
        '"A","1min",2026-01-02 14:32:00.000000Z,5,4',
    ]


def test_what_bars_writes_is_what_indicators_reads(indicators: Command, bars_command: Command, tmp_path: Path) -> None:
    ticks = "".join(f"A,{10 + n % 7},1,2026-01-02T14:{30 + n // 2}:{30 * (n % 2):02}Z\n" for n in range(50))
    (tmp_path / "ticks.csv").write_text("symbol,price,size,event_time\n" + ticks)
    for kind in ("parquet", "csv"):
        windows = ("--window", "1min", "--window", "5min")
        assert bars_command("--input", "ticks.csv", "--output", f"made.{kind}", *windows)[0] == 0
        code, said = indicators("--input", f"made.{kind}", "--output", f"out_{kind}.parquet", "--config", "small.yaml")
        assert (code, "indicators of 30 bars in 2 series" in said) == (0, True)
    made = pd.read_parquet("made.parquet")
    result = pd.read_parquet("out_parquet.parquet")
    assert result.equals(pd.read_parquet("out_csv.parquet"))
    assert result[KEY].equals(made[KEY])
    expected = made.groupby(["symbol", "window"])["close"].transform(lambda close: close.rolling(3).mean())
    np.testing.assert_allclose(result["sma_3"], expected, rtol=1e-12)


@pytest.mark.parametrize("name", VECTORS)
def test_real_series_of_any_window_equal_the_vectors(indicators: Command, tmp_path: Path, name: str) -> None:
    frame = vectors(name)
    daily = "date" in frame
    frame["window_start"] = pd.to_datetime(frame["date"]) if daily else pd.to_datetime(frame["start_ms"], unit="ms")
    frame = frame.assign(symbol="X", window="trading day" if daily else "1min")
    frame.sample(frac=1, random_state=1).to_parquet(tmp_path / "real.parquet")

    code, said = indicators("--input", "real.parquet", "--output", "out.parquet")

    assert (code, f"indicators of {len(frame):,} bars in 1 series" in said) == (0, True)
    result = pd.read_parquet("out.parquet")
    assert list(result) == [*KEY, *COLUMN_OF]
    assert (result["window_start"].dt.tz_localize(None) == frame["window_start"]).all()
    for column, theirs in COLUMN_OF.items():
        np.testing.assert_allclose(result[column], frame[theirs], rtol=RTOL, atol=ATOL, err_msg=column)


def test_series_too_short_for_an_indicator_are_said(indicators: Command, tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text("technical_indicators: {sma: {periods: [3, 4]}, rsi: {}}\n")
    code, said = indicators("--input", "bars.csv", "--output", "out.parquet", "--config", "long.yaml")
    assert code == 0
    assert "without a value in any row, as where series are too short: sma_4, rsi_14" in said
    assert [row["rsi_14"] for row in pq.read_table("out.parquet").to_pylist()] == [None] * 3


@pytest.mark.parametrize("name", ["bars.csv", "bars.parquet"])
def test_no_bars_are_an_error(indicators: Command, name: str) -> None:
    if name == "bars.csv":
        Path(name).write_text(HEADER)
    else:
        pq.write_table(BAR.empty(), name)
    code, said = indicators("--input", name, "--output", "out.parquet", "--config", "small.yaml")
    assert (code, f"nothing in {name} is usable" in said) == (1, True), said
    assert not Path("out.parquet").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "cannot read bars.csv: Empty CSV file"),
        (
            HEADER.replace(",close", "") + "A,1min,2026-01-02,1,2,1,9\n",
            "bars.csv has no column close; expected: symbol",
        ),
        (HEADER.replace("low", "high"), "bars.csv has two columns named high; expected"),
        (HEADER + "A,1min,2026-01-02,1,2,1,NaN,9\n", "bars.csv, row 1: close is NaN; expected a number"),
        (BARS + "A,1min,2026-01-03,1,inf,1,1,9\n", "bars.csv, row 4: high is inf; expected a number"),
        (BARS + "A,1min,2026-01-03,1,2,1,x,9\n", "bars.csv, row 4: close is x; expected a number"),
        (BARS + "A,1min,2026-01-03,1,2,1,1,\n", "bars.csv, row 4: volume is missing; expected a number"),
        (BARS + ",1min,2026-01-03,1,2,1,1,9\n", "bars.csv, row 4: symbol is missing; expected text"),
        (BARS + "A,1min,yesterday,1,2,1,1,9\n", "bars.csv, row 4: window_start is yesterday; expected a time"),
        (BARS + "A,1min\n", "cannot read bars.csv: CSV parse error: Expected 8 columns, got 2"),
        (
            BARS + BARS.splitlines()[2] + "\n",
            "bars.csv has 2 bars of A, window 1min, at 2026-01-02T14:31:00+00:00; expected one",
        ),
    ],
    ids=lambda text: text[:60] if "bars.csv" in text else "",
)
def test_bars_that_cannot_be_used_are_said(indicators: Command, content: str, reason: str) -> None:
    Path("bars.csv").write_text(content)
    code, said = indicators("--input", "bars.csv", "--output", "out.parquet")
    assert code == 1
    assert reason in said
    assert "Traceback" not in said
    assert not Path("out.parquet").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("--input", "absent.csv", "--output", "out.csv"), 1, "error: there is no file absent.csv"),
        (("--input", ".", "--output", "out.csv"), 1, "error: there is no file ."),
        (
            ("--input", "bars.csv", "--output", "out.xlsx"),
            1,
            "error: out.xlsx is not of a known kind; known are: .parq",
        ),
        (("--input", "bars.csv", "--output", "no/out.csv"), 1, "error: there is no folder no to write out.csv to"),
        (("--input", "small.yaml", "--output", "out.csv"), 1, "error: small.yaml is not of a known kind; known are: "),
        (("--input", "broken.parquet", "--output", "out.csv"), 1, "error: cannot read broken.parquet: "),
        (("--input", "bars.csv", "--output", "out.csv", "--config", "bad.yaml"), 1, "'smma' is not a TA-Lib function"),
        (("--input", "bars.csv"), 2, "Missing option '--output'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_in_one_message(
    indicators: Command, tmp_path: Path, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    (tmp_path / "bad.yaml").write_text("technical_indicators: {smma: {}}\n")
    ended, said = indicators(*arguments)
    assert ended == code
    assert reason in said
    assert "Traceback" not in said
    assert not (tmp_path / "out.csv").exists()


START = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "start",
    [
        pa.array([START], pa.timestamp("ns", "America/New_York")),
        pa.array([START.replace(tzinfo=None)], pa.timestamp("s")),
        pa.array([START.date()], pa.date32()),
        pa.array(["2026-01-02"]),
        pa.array(["2026-01-01T19:00:00-05:00"], pa.large_string()).dictionary_encode(),
        pa.array([1_767_312_000_000_000]),
    ],
    ids=lambda array: str(array.type)[:20],
)
def test_times_and_numbers_may_be_of_any_type(tmp_path: Path, start: pa.Array) -> None:
    columns = {"symbol": ["A"], "window": [1], "window_start": start, "note": ["x"]}
    columns |= {"open": ["1.5"], "high": [2], "low": pa.array([1], pa.decimal128(9, 2)), "close": [1.5], "volume": [7]}
    pq.write_table(pa.table(columns), tmp_path / "bars.pq")
    (bar,) = read_bars(tmp_path / "bars.pq").to_pylist()
    assert bar == dict(zip(BAR_INPUT.names, ("A", "1", START, 1.5, 2.0, 1.0, 1.5, 7.0), strict=True))


def test_all_columns_of_a_bar_may_be_asked_for(tmp_path: Path) -> None:
    bar: dict[str, object] = {
        **dict.fromkeys(BAR.schema.names, 1.0),
        "symbol": "A",
        "window": "1min",
        "vwap": None,
        "trade_count": 3,
    }
    bar |= {"window_start": START, "window_end": START, "last_event_time": START, "last_ingest_time": None}
    pq.write_table(pa.Table.from_pylist([bar]), tmp_path / "bars.parquet")
    table = read_bars(tmp_path / "bars.parquet", BAR.schema)
    assert (table.schema, table.to_pylist()) == (BAR.schema, [bar])
    pq.write_table(pa.Table.from_pylist([{**bar, "trade_count": 1.5}]), tmp_path / "bars.parquet")
    with pytest.raises(InvalidInputError, match=r"row 1: trade_count is 1\.5; expected a whole number"):
        read_bars(tmp_path / "bars.parquet", BAR.schema)
    pq.write_table(pa.Table.from_pylist([{**bar, "vwap": float("nan")}]), tmp_path / "bars.parquet")
    with pytest.raises(InvalidInputError, match="row 1: vwap is nan; expected a number"):
        read_bars(tmp_path / "bars.parquet", BAR.schema)


def test_gzip_and_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "bars.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + BARS.encode()))
    assert read_bars(tmp_path / "bars.csv.gz")["close"].to_pylist() == [2.0, 4.0, 6.0]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda text: (HEADER + text).encode(errors="replace")))
@pytest.mark.parametrize("name", ["any.csv", "any.csv.gz", "any.parquet"])
def test_any_bytes_are_bars_or_a_refusal(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    try:
        bars = read_bars(tmp_path / name)
    except InvalidInputError:
        return
    assert bars.schema.equals(BAR_INPUT)
    assert name != "any.parquet"


def test_the_command_is_a_process_that_needs_no_server_and_no_connector(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text(BARS)
    command = [sys.executable, "-m", "mdstream", "indicators", "--input", "bars.csv", "--output", "out.parquet"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "indicators of 3 bars in 1 series in out.parquet" in done.stderr
    assert pq.read_schema(tmp_path / "out.parquet").names == [*KEY, *COLUMN_OF]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.csv", "out.parquet"]
