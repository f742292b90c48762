"""Ticks from files of every kind, and files that are none."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mdstream.errors import InvalidInputError
from mdstream.feeds.files import ROW_NUMBER, read_ticks
from mdstream.schemas import TICK
from mdstream.schemas.limits import kind_of
from tests.unit.feeds.reading import MICROS, TIME, read, write_parquet

HEADER = "symbol,price,size,event_time"
GOOD_CSV = "AAPL,1.5,100,2013-10-07T14:00:00.464123Z"


@pytest.mark.parametrize(
    "text",
    [
        "2013-10-07T14:00:00.464123Z",
        "2013-10-07T14:00:00.464123999Z",
        "2013-10-07T10:00:00.464123-04:00",
        "2013-10-07 10:00:00.464123-0400",
        "2013-10-07 16:00:00.464123+02",
        "2013-10-07 14:00:00.464123",
        "2013-10-07T14:00:00.464123",
        " 2013-10-07T14:00:00.464123Z ",
        str(MICROS),
    ],
)
def test_times_as_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{HEADER}\nAAPL,1.5,100,{text}\n")
    assert [row["event_time"] for row in read(path)[0]] == [TIME]


def test_csv_columns_in_any_order_with_quotes_and_more_than_a_tick_has(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(
        b"\xef\xbb\xbfnote,event_time, size ,price,symbol,conditions,sequence\r\n"
        b'"a, ""b""",2013-10-07T14:00:00.464123Z,"1e2", 1.50 ,AAPL,@; F,7\r\n'
        b"\r\n"
        b",2013-10-07T14:00:00.464123Z,1,2,MSFT,,"
    )
    rows, rejects = read(path)
    assert not rejects
    assert [(row["symbol"], row["price"], row["size"]) for row in rows] == [("AAPL", 1.5, 100.0), ("MSFT", 2.0, 1.0)]
    assert [(row["conditions"], row["sequence"]) for row in rows] == [(["@", "F"], 7), (None, None)]
    assert [row[ROW_NUMBER] for row in rows] == [2, 4]
    assert all(row["exchange"] is None for row in rows)


def test_csv_lines_that_cannot_be_used_cost_themselves_alone(tmp_path: Path) -> None:
    bad = [
        (b"AAPL,1.5", "wrong number of columns: found 2, expected 4"),
        (b"AAPL,1.5,1,2,3", "wrong number of columns: found 5, expected 4"),
        (b'"AAPL,1.5,100,2013-10-07T14:00:00Z', "not CSV"),
        (b'"AA"PL,1.5,100,2013-10-07T14:00:00Z', "not CSV"),
        (b"\xff\xfe,1.5,100,2013-10-07T14:00:00Z", "not UTF-8"),
        (b"AAPL,,100,2013-10-07T14:00:00Z", "price missing"),
        (b"AAPL,NaN,100,2013-10-07T14:00:00Z", "price not finite: nan"),
        (b"AAPL,-1,100,2013-10-07T14:00:00Z", "price not positive: -1.0"),
        (b"AAPL,1.5,0,2013-10-07T14:00:00Z", "size not positive: 0.0"),
        (b"AAPL,1.5,100,1970-01-01", "event_time before 1990-01-01: 1970-01-01T00:00:00+00:00"),
        (b"A\x00,1.5,100,2013-10-07T14:00:00Z", "symbol malformed: A\x00"),
        (b"AAPL,1.5,100," + b"9" * 70_000, "payload longer than 65536 bytes: 70013"),
    ]
    path = tmp_path / "t.csv"
    lines = [HEADER.encode()]
    for line, _ in bad:
        lines += [GOOD_CSV.encode(), line]
    path.write_bytes(b"\n".join([*lines, GOOD_CSV.encode()]))
    rows, rejects = read(path)
    assert len(rows) == len(bad) + 1
    assert [(reject.payload, reject.reason) for reject in rejects] == bad
    assert [reject.row for reject in rejects] == [3 + 2 * place for place in range(len(bad))]


GOOD_OBJECT = {"symbol": "AAPL", "price": 1.5, "size": 100, "event_time": MICROS}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"price": 2}, {"price": 2.0}),
        ({"price": "2.5"}, {"price": 2.5}),
        ({"sequence": 12345678901234567}, {"sequence": 12345678901234567}),
        ({"event_time": "2013-10-07T10:00:00.464123-04:00"}, {"event_time": TIME}),
        ({"event_time": float(MICROS)}, {"event_time": TIME}),
        ({"conditions": ["@", "F"], "sequence": 7}, {"conditions": ["@", "F"], "sequence": 7}),
        ({"conditions": None, "trade_id": 7}, {"conditions": None, "trade_id": "7"}),
        ({"unknown": {"deep": [1]}}, {"symbol": "AAPL"}),
    ],
    ids=str,
)
def test_json_values(tmp_path: Path, fields: dict[str, object], expected: dict[str, object]) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("\n".join(map(json.dumps, [GOOD_OBJECT, {**GOOD_OBJECT, **fields}])))
    rows, rejects = read(path)
    assert not rejects
    assert {name: rows[1][name] for name in expected} == expected


def test_json_lines_that_cannot_be_used_cost_themselves_alone(tmp_path: Path) -> None:
    def changed(**fields: object) -> bytes:
        return json.dumps({**GOOD_OBJECT, **fields}).encode()

    bad = [
        (b"garbage", "not JSON"),
        (b'{"symbol":"AAPL"', "not JSON"),
        (b'{"symbol":"\xff"}', "not UTF-8"),
        (b"[1,2]", "not a JSON object: list"),
        (b"null", "not a JSON object: NoneType"),
        (b"{}", "symbol missing"),
        (changed(price=None), "price missing"),
        (changed(price=float("nan")), "price not finite: nan"),
        (changed(price=float("-inf")), "price not finite: -inf"),
        (changed(price=[1.5]), "price not a number: [1.5]"),
        (changed(price=True), "price not a number: True"),
        (changed(symbol={"a": 1}), "symbol not text: {'a': 1}"),
        (changed(event_time=2**70), "event_time not a time: 1180591620717411303424"),
        (changed(event_time=2**63), "event_time not a time: 9223372036854775808"),
        (changed(event_time=4_102_444_800_000_000), "event_time too far ahead of ingest_time"),
        (changed(conditions="@:[F]"), "conditions malformed: @:[F]"),
        (changed(conditions=["@", 1.5]), "conditions malformed: ['@', 1.5]"),
        (changed(exchange="\0"), "exchange malformed: \0"),
        (b'{"a":' * 20_000, "payload longer than 65536 bytes: 100000"),
        (b"[" * 5_000 + b"NaN", "not JSON"),
        (b'{"price":NaN,"symbol":"\\ud800"}', "not JSON"),
    ]
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"\n\n".join(line for line, _ in bad for line in (json.dumps(GOOD_OBJECT).encode(), line)))
    rows, rejects = read(path)
    assert len(rows) == len(bad)
    assert [reject.payload for reject in rejects] == [line for line, _ in bad]
    for reject, (_, reason) in zip(rejects, bad, strict=True):
        assert reject.reason.startswith(reason)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.CSV.GZ"])
def test_gzip(tmp_path: Path, name: str) -> None:
    lines = [HEADER, *([GOOD_CSV] * 50_000)]
    (tmp_path / name).write_bytes(gzip.compress("\n".join(lines).encode()))
    batches = list(read_ticks(tmp_path / name))
    assert sum(len(batch.ticks) for batch in batches) == 50_000
    fractions = [batch.fraction for batch in batches]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) > 1


def test_what_pandas_writes_is_read(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "symbol": pd.Categorical(["AAPL", "MSFT"]),
            "price": [1.5, 2.5],
            "size": [1, 2],
            "event_time": pd.to_datetime([MICROS, MICROS], unit="us", utc=True).tz_convert("Asia/Tokyo"),
            "sequence": [7, None],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True, date_format="iso", date_unit="us")
    for name in ("t.parquet", "t.csv", "t.jsonl"):
        rows, rejects = read(tmp_path / name)
        assert not rejects
        assert [(row["symbol"], row["event_time"], row["sequence"]) for row in rows] == [
            ("AAPL", TIME, 7),
            ("MSFT", TIME, None),
        ]


def test_a_folder_is_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    write_parquet(tmp_path / "part-1.parquet", symbol=pa.array(["B"]))
    write_parquet(tmp_path / "part-0.parquet", symbol=pa.array(["A"]), sequence=pa.array([1]))
    (tmp_path / "part-2.csv").write_text(f"{HEADER}\n{GOOD_CSV}\nbad\n")
    (tmp_path / "part-3.jsonl").write_text(json.dumps(GOOD_OBJECT))
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / ".part-0.parquet.crc").touch()
    rows, [reject] = read(tmp_path)
    assert [row["symbol"] for row in rows] == ["A", "B", "AAPL", "AAPL"]
    assert [row[ROW_NUMBER] for row in rows] == [1, 2, 4, 6]
    assert kind_of(reject.reason) == "wrong number of columns"
    assert list(read_ticks(tmp_path))[-1].fraction == 1.0


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_missing_columns_are_named_with_what_is_near(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "t.csv":
        path.write_text("Symbol,price,size,event_tme\n")
    else:
        pq.write_table(pa.table({"Symbol": ["A"], "price": [1.0], "size": [1.0], "event_tme": [1]}), path)
    with pytest.raises(InvalidInputError, match="no column symbol, event_time") as raised:
        list(read_ticks(path))
    assert "found: Symbol, price, size, event_tme" in str(raised.value)
    assert "--columns Symbol=symbol,event_tme=event_time" in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 but not really")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "twice.csv").write_text(f"{HEADER},price\n")
    (tmp_path / "quote.csv").write_text('"symbol\n')
    (tmp_path / "t.xlsx").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "damaged.jsonl.gz").write_bytes(gzip.compress(json.dumps(GOOD_OBJECT).encode() * 99)[:-20])
    (tmp_path / "not.csv.gz").write_bytes(b"plain")
    expected = {
        "t.parquet": "cannot read .* as parquet",
        "empty.csv": "is empty; expected a header line",
        "twice.csv": "more than one column price",
        "quote.csv": "the first line of .* is not CSV",
        "t.xlsx": "not of a known kind",
        "folder": "no file of ticks in",
        "damaged.jsonl.gz": "not whole gzip data",
        "not.csv.gz": "not whole gzip data",
        "nowhere.csv": "there is no file",
    }
    for name, message in expected.items():
        with pytest.raises(InvalidInputError, match=message):
            list(read_ticks(tmp_path / name))


def test_a_damaged_part_of_a_parquet_file_is_reported(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "t.parquet")
    content = bytearray(path.read_bytes())
    content[4:40] = bytes(36)
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"cannot read .* as parquet"):
        list(read_ticks(path))


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_no_rows_are_no_ticks(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "t.parquet":
        pq.write_table(TICK.empty(), path)
    else:
        path.write_text(f"{HEADER}\n" if name == "t.csv" else "")
    assert read(path) == ([], [])


def test_all_columns_of_a_tick_survive(tmp_path: Path) -> None:
    received = TIME + timedelta(seconds=1)
    tick = {
        "symbol": "AAPL", "price": 1.5, "size": 100.0, "event_time": TIME, "ingest_time": received, "source": "massive",
        "exchange": "Q", "trade_id": "1-2", "sequence": 7, "conditions": ["@", "F"],
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([tick], TICK.schema), tmp_path / "t.parquet")
    [row], rejects = read(tmp_path / "t.parquet")
    assert not rejects
    assert row == {**tick, ROW_NUMBER: 1}
