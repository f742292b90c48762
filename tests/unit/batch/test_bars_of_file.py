"""Bars of files: what is read, what is said of it, and what is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from mdstream.batch import BarsReport, bars_of_file
from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR, BarWindow
from mdstream.schemas.sources import PrimarySources
from mdstream.transforms import ConditionTable

NANOS = 1_767_364_200_123_456_789  # 2026-01-02T14:30:00.123456789Z
MINUTE = [BarWindow("1min", 60)]


def bars_in(path: Path) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pq.read_table(path).to_pylist()
    return rows


def test_times_of_a_file_are_utc_to_the_microsecond_whatever_their_type(spark: SparkSession, tmp_path: Path) -> None:
    kinds = {
        "ns": pa.array([NANOS], pa.timestamp("ns")),
        "ns-utc": pa.array([NANOS], pa.timestamp("ns", "UTC")),
        "zone": pa.array([NANOS // 1000], pa.timestamp("us", "Asia/Tokyo")),
        "text": pa.array(["2026-01-02T14:30:00.123456"]),
        "offset": pa.array(["2026-01-02 09:30:00.123456789-05:00"]),
        "micros": pa.array([NANOS // 1000]),
    }
    for symbol, times in kinds.items():
        columns = {"symbol": [symbol], "price": [1.5], "size": [2.0], "event_time": times}
        (tmp_path / "ticks").mkdir(exist_ok=True)
        pq.write_table(pa.table(columns), tmp_path / "ticks" / f"{symbol}.parquet")
    report = bars_of_file(spark, tmp_path / "ticks", tmp_path / "bars.parquet", MINUTE, ConditionTable())
    assert report == BarsReport(ticks=6, rejects={}, bars=6)
    bars = bars_in(tmp_path / "bars.parquet")
    assert {bar["symbol"] for bar in bars} == set(kinds)
    assert {bar["window_start"] for bar in bars} == {datetime(2026, 1, 2, 14, 30, tzinfo=UTC)}
    assert {bar["last_event_time"] for bar in bars} == {datetime(2026, 1, 2, 14, 30, 0, 123456, tzinfo=UTC)}


def test_what_is_no_tick_is_left_out_and_counted_by_reason(spark: SparkSession, tmp_path: Path) -> None:
    source = tmp_path / "ticks.csv"
    source.write_text(
        "symbol,price,size,event_time,note\n"
        "A,10,1,2026-01-02T14:30:00Z,good\n"
        "A,-1,1,2026-01-02T14:30:01Z,\n"
        "A,0,1,2026-01-02T14:30:01Z,\n"
        "A,x,1,2026-01-02T14:30:01Z,\n"
        "A,nan,1,2026-01-02T14:30:01Z,\n"
        ",10,1,2026-01-02T14:30:01Z,\n"
        "A,10,,2026-01-02T14:30:01Z,\n"
        "A,10,1,1970-01-01,\n"
        "A,10,1,2100-01-01,\n"
        "A,12,3,2026-01-02T14:30:59.999999Z,good\n"
    )
    report = bars_of_file(spark, source, tmp_path / "bars.parquet", MINUTE, ConditionTable())
    assert report.ticks == 2
    assert report.bars == 1
    assert report.rejects == {
        "price not positive": 2,
        "price not a number": 1,
        "price not finite": 1,
        "symbol missing": 1,
        "size missing": 1,
        "event_time before 1990-01-01": 1,
        "event_time too far ahead of ingest_time": 1,
    }
    (bar,) = bars_in(tmp_path / "bars.parquet")
    assert (bar["open"], bar["close"], bar["volume"], bar["vwap"], bar["trade_count"]) == (10.0, 12.0, 4.0, 11.5, 2)


def test_equal_times_are_ordered_by_their_place_in_the_file(spark: SparkSession, tmp_path: Path) -> None:
    ticks = [{"symbol": "A", "price": price, "size": 1, "event_time": NANOS // 1000} for price in (5, 9, 3, 7)]
    (tmp_path / "ticks").mkdir()
    (tmp_path / "ticks" / "1.jsonl").write_text("".join(json.dumps(tick) + "\n" for tick in ticks[:3]))
    (tmp_path / "ticks" / "2.jsonl").write_text(json.dumps(ticks[3]) + "\n")
    bars_of_file(spark, tmp_path / "ticks", tmp_path / "bars.parquet", MINUTE, ConditionTable())
    (bar,) = bars_in(tmp_path / "bars.parquet")
    assert [bar[name] for name in ("open", "high", "low", "close")] == [5.0, 9.0, 3.0, 7.0]


def test_bars_of_any_windows_are_sorted_and_have_the_declared_schema(spark: SparkSession, tmp_path: Path) -> None:
    seconds = [0, 61, 299, 300, 419, 420, 840]
    columns = {
        "symbol": ["B", "A", "B", "A", "B", "A", "B"],
        "price": [float(10 + second) for second in seconds],
        "size": [0.1] * 7,
        "event_time": pa.array([NANOS // 1000 + second * 1_000_000 for second in seconds], pa.timestamp("us", "UTC")),
    }
    pq.write_table(pa.table(columns), tmp_path / "ticks.parquet")
    windows = [BarWindow.parse(name) for name in ("5min", "1min", "7min")]
    shares: list[float] = []
    for name in ("bars.parquet", "bars.csv"):
        report = bars_of_file(
            spark, tmp_path / "ticks.parquet", tmp_path / name, windows, ConditionTable(), shares.append
        )
        # Minutes 1, 5, 7, fives 0, 1, 1 and sevens 0, 0, 1 of A; 0, 4, 6, 14, then 0, 0, 1, 2 and 0, 0, 0, 2 of B.
        assert (report.ticks, report.bars) == (7, 3 + 2 + 2 + 4 + 3 + 2)
    assert shares == sorted(shares[: len(shares) // 2]) * 2
    assert shares[-1] == 1.0
    table = pq.read_table(tmp_path / "bars.parquet")
    assert table.schema.equals(BAR.schema, check_metadata=True)
    keys = [(row["symbol"], row["window"], row["window_start"]) for row in table.to_pylist()]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    seven = next(row for row in table.to_pylist() if (row["symbol"], row["window"]) == ("B", "7min"))
    assert (seven["trade_count"], seven["close"], seven["volume"]) == (3, 429.0, 0.3)
    times = ["window_start", "window_end", "last_event_time"]
    csv = pd.read_csv(tmp_path / "bars.csv", parse_dates=times, float_precision="round_trip")
    assert csv.pop("last_ingest_time").isna().all()
    expected = table.drop_columns("last_ingest_time").to_pandas()
    pd.testing.assert_frame_equal(csv, expected, check_dtype=False, check_exact=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars.csv", "bars.parquet", "ticks.parquet"]


@pytest.mark.parametrize("name", ["empty.parquet", "empty.csv", "refused.csv"])
def test_a_file_without_a_usable_tick_is_an_error_and_the_output_stays(
    spark: SparkSession, tmp_path: Path, name: str
) -> None:
    source = tmp_path / name
    columns = ["symbol", "price", "size", "event_time"]
    if source.suffix == ".parquet":
        pq.write_table(pa.table({column: pa.array([], pa.string()) for column in columns}), source)
    else:
        source.write_text(",".join(columns) + "\n" + ("A,-1,1,2026-01-02\n" if name.startswith("refused") else ""))
    target = tmp_path / "bars.parquet"
    target.write_text("of before")
    reason = "1 x price not positive" if name.startswith("refused") else "it has no rows"
    with pytest.raises(InvalidInputError, match=f"nothing in .* is usable: {reason}"):
        bars_of_file(spark, source, target, MINUTE, ConditionTable())
    assert target.read_text() == "of before"


def test_ticks_that_have_been_stored_keep_their_ingest_time(spark: SparkSession, tmp_path: Path) -> None:
    columns = {
        "symbol": ["A", "A"],
        "price": [1.0, 2.0],
        "size": [1.0, 1.0],
        "event_time": pa.array([NANOS // 1000] * 2, pa.timestamp("us", "UTC")),
        "ingest_time": pa.array([NANOS // 1000 + 9, NANOS // 1000 + 7], pa.timestamp("us", "UTC")),
        "sequence": [2, 1],
    }
    pq.write_table(pa.table(columns), tmp_path / "ticks.parquet")
    bars_of_file(spark, tmp_path / "ticks.parquet", tmp_path / "bars.parquet", MINUTE, ConditionTable())
    (bar,) = bars_in(tmp_path / "bars.parquet")
    assert (bar["open"], bar["close"]) == (2.0, 1.0)
    assert bar["last_ingest_time"] == datetime(2026, 1, 2, 14, 30, 0, 123465, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "target", "reason"),
    [
        ("absent.parquet", "bars.parquet", "there is no file .*absent.parquet"),
        ("ticks.txt", "bars.parquet", "ticks.txt is not of a known kind"),
        ("ticks.csv", "bars.xlsx", "bars.xlsx is not of a known kind; known are: .parquet, .csv"),
        ("ticks.csv", "bars", "bars is not of a known kind"),
        ("ticks.csv", "nowhere/bars.csv", "there is no folder .*nowhere to write bars.csv to"),
        ("broken.parquet", "bars.parquet", "broken.parquet"),
        ("prices.csv", "bars.parquet", "has no column size, event_time; found: symbol, price, sized"),
    ],
)
def test_what_cannot_be_read_or_written_is_said_and_an_older_result_stays(
    spark: SparkSession, tmp_path: Path, source: str, target: str, reason: str
) -> None:
    good = "symbol,price,size,event_time\nA,1,1,2026-01-02T14:30:00Z\n"
    (tmp_path / "ticks.csv").write_text(good)
    (tmp_path / "ticks.txt").write_text(good)
    (tmp_path / "broken.parquet").write_text(good)
    (tmp_path / "prices.csv").write_text("symbol,price,sized\nA,1,1\n")
    (tmp_path / "bars.parquet").write_text("an older result")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InvalidInputError, match=reason):
        bars_of_file(spark, tmp_path / source, tmp_path / target, MINUTE, ConditionTable())
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "bars.parquet").read_text() == "an older result"


def test_only_ticks_of_the_decided_source_make_bars(spark: SparkSession, tmp_path: Path) -> None:
    columns = "symbol,price,size,event_time,source\n"
    rows = "A,10,1,2026-01-02T14:30:00,finage\nA,11,2,2026-01-02T14:30:01,fmp\nB,5,3,2026-01-02T14:30:00,fmp\n"
    source, target = tmp_path / "ticks.csv", tmp_path / "bars.parquet"
    source.write_text(columns + rows)
    decided = PrimarySources.parse({"A": "finage"})
    report = bars_of_file(spark, source, target, MINUTE, ConditionTable(), sources=decided)
    assert (report.ticks, report.bars) == (3, 2)
    assert [(row["close"], row["volume"]) for row in pq.read_table(target).to_pylist()] == [(10.0, 1.0), (5.0, 3.0)]

    nobody = PrimarySources.parse("nobody")
    with pytest.raises(InvalidInputError, match=r"none of the 3 ticks .* that ticks.primary_source does not have"):
        bars_of_file(spark, source, tmp_path / "none.parquet", MINUTE, ConditionTable(), sources=nobody)
