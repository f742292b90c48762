"""Columns of parquet files of any type, and values that fit none."""

from __future__ import annotations

import decimal
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from mdstream.feeds.files import ROW_NUMBER
from tests.unit.feeds.reading import MICROS, TIME, read, write_parquet


def not_unicode(*values: bytes) -> pa.Array:
    """Text as careless writers make it: any bytes."""
    return pa.array(values, pa.binary()).view(pa.string())


@pytest.mark.parametrize(
    ("column", "array", "expected"),
    [
        ("price", pa.array([2], pa.int32()), 2.0),
        ("price", pa.array([2], pa.uint64()), 2.0),
        ("price", pa.array([2.5], pa.float32()), 2.5),
        ("price", pa.array([decimal.Decimal("2.50")], pa.decimal128(20, 2)), 2.5),
        ("price", pa.array([decimal.Decimal("2.50")], pa.decimal256(50, 2)), 2.5),
        ("price", pa.array(["2.5"]), 2.5),
        ("symbol", pa.array(["BRK.B"], pa.large_string()), "BRK.B"),
        ("symbol", pa.array(["BRK.B"]).dictionary_encode(), "BRK.B"),
        ("symbol", pa.array([700], pa.int64()), "700"),
        ("symbol", pa.array([b"MSFT"]), "MSFT"),
        ("trade_id", pa.array([123456789012345678]), "123456789012345678"),
        ("trade_id", pa.array([12.0]), "12"),
        ("trade_id", pa.array([float("nan")]), None),
        ("sequence", pa.array([7], pa.int16()), 7),
        ("sequence", pa.array([7.0]), 7),
        ("sequence", pa.array([float("nan")]), None),
        ("sequence", pa.array(["7"]), 7),
        ("sequence", pa.array([decimal.Decimal("7.00")]), 7),
        ("exchange", pa.nulls(1), None),
        ("conditions", pa.array([["@", "F"]], pa.large_list(pa.large_string())), ["@", "F"]),
        ("conditions", pa.array([[1, 37]], pa.list_(pa.int32())), ["1", "37"]),
        ("conditions", pa.array([["@", "F"]], pa.list_(pa.string(), 2)), ["@", "F"]),
        ("conditions", pa.array([[]], pa.list_(pa.string())), []),
        ("conditions", pa.array(["@;F"]), ["@", "F"]),
        ("conditions", pa.array([""]), None),
        ("event_time", pa.array([MICROS], pa.timestamp("us")), TIME),
        ("event_time", pa.array([MICROS], pa.timestamp("us", "America/New_York")), TIME),
        ("event_time", pa.array([MICROS * 1000 + 999], pa.timestamp("ns", "UTC")), TIME),
        ("event_time", pa.array([MICROS * 1000], pa.timestamp("ns")), TIME),
        ("event_time", pa.array([MICROS // 1000], pa.timestamp("ms")), TIME.replace(microsecond=464000)),
        ("event_time", pa.array([MICROS // 1_000_000], pa.timestamp("s")), TIME.replace(microsecond=0)),
        ("event_time", pa.array([date(2013, 10, 7)]), TIME.replace(hour=0, second=0, microsecond=0)),
        ("event_time", pa.array([MICROS]), TIME),
        ("event_time", pa.array([float(MICROS)]), TIME),
        ("event_time", pa.array(["2013-10-07 14:00:00.464123"]), TIME),
    ],
    ids=str,
)
def test_parquet_columns_of_any_type(tmp_path: Path, column: str, array: pa.Array, expected: object) -> None:
    rows, rejects = read(write_parquet(tmp_path / "t.parquet", **{column: array}))
    assert not rejects
    assert rows[0][column] == expected
    assert type(rows[0][column]) is type(expected)


@pytest.mark.parametrize(
    ("column", "array", "reason"),
    [
        ("price", pa.array([True]), "price not a number: True"),
        ("price", pa.array(["1,5"]), "price not a number: 1,5"),
        ("price", pa.array([None], pa.float64()), "price missing"),
        ("price", pa.array([float("nan")]), "price not finite: nan"),
        ("price", pa.array([[1.0]]), "price not a number: [1.0]"),
        ("symbol", pa.array([1.5]), "symbol not text: 1.5"),
        ("symbol", pa.array([b"\xff"]), "symbol not text: b'\\xff'"),
        ("symbol", not_unicode(b"\xff"), "symbol not text: b'\\xff'"),
        ("exchange", not_unicode(b"\xff"), "exchange not text: b'\\xff'"),
        ("price", not_unicode(b"1\xff"), "price not a number: b'1\\xff'"),
        ("sequence", pa.array([1.5]), "sequence not an integer: 1.5"),
        ("sequence", pa.array([2**64 - 1], pa.uint64()), "sequence not an integer: 18446744073709551615"),
        ("event_time", pa.array([2**62], pa.timestamp("ms")), "event_time not a time"),
        ("event_time", pa.array(["yesterday"]), "event_time not a time: yesterday"),
        ("event_time", pa.array(["2013-02-30T00:00:00Z"]), "event_time not a time: 2013-02-30T00:00:00Z"),
        ("event_time", pa.array([MICROS // 1000]), "event_time before 1990-01-01: 1970-01-16T23:39:14.400464+00:00"),
        ("event_time", pa.array([4_102_444_800_000_000]), "event_time too far ahead of ingest_time"),
        ("conditions", pa.array([[None, "@"]]), "conditions malformed: [None, '@']"),
        ("conditions", pa.array([1.5]), "conditions malformed: 1.5"),
        ("conditions", pa.array([";;"]), "conditions malformed: ;;"),
    ],
    ids=str,
)
def test_parquet_values_that_cannot_be_used_cost_their_row(
    tmp_path: Path, column: str, array: pa.Array, reason: str
) -> None:
    rows, [reject] = read(write_parquet(tmp_path / "t.parquet", **{column: array}))
    assert not rows
    assert reject.reason.startswith(reason)
    assert reject.row == 1
    assert set(json.loads(reject.payload)) == {"symbol", "price", "size", "event_time", column}


def test_bad_unicode_costs_its_row_alone(tmp_path: Path) -> None:
    path = write_parquet(
        tmp_path / "t.parquet",
        symbol=pa.array(["A", "B", "C"]),
        price=not_unicode(b"1.5", b"\xff", b" 2 "),
        size=pa.array([1, 1, 1]),
        event_time=pa.array([MICROS] * 3),
        exchange=not_unicode(b"\xff", b"Q", b"N"),
        conditions=pa.ListArray.from_arrays(pa.array([0, 0, 1, 2], pa.int32()), not_unicode(b"\xff", b"@")),
    )
    rows, rejects = read(path)
    assert [(row["symbol"], row["price"], row["exchange"], row["conditions"]) for row in rows] == [
        ("C", 2.0, "N", ["@"])
    ]
    assert [(reject.row, reject.reason) for reject in rejects] == [
        (1, "exchange not text: b'\\xff'"),
        (2, "price not a number: b'\\xff'"),
    ]


def test_one_bad_value_among_many_costs_one_row(tmp_path: Path) -> None:
    count = 20_000
    prices = [f"{number}.25" for number in range(1, count + 1)]
    prices[12_345] = "n/a"
    path = write_parquet(
        tmp_path / "t.parquet",
        symbol=pa.array(["AAPL"] * count),
        price=pa.array(prices),
        size=pa.array([1] * count),
        event_time=pa.array([MICROS] * count, pa.timestamp("us")),
    )
    rows, [reject] = read(path)
    assert len(rows) == count - 1
    assert (reject.row, reject.reason) == (12_346, "price not a number: n/a")
    numbers = [row[ROW_NUMBER] for row in rows]
    assert numbers == [number for number in range(1, count + 1) if number != 12_346]
    assert all(row["price"] == row[ROW_NUMBER] + 0.25 for row in rows)
