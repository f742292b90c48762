"""Trades of a stream beside quotes of another, and the flow of signed trades: as of stored rows, to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import mdstream as md
from mdstream.errors import InvalidInputError
from tests.streaming.streams import Row, add_file, work_off
from tests.unit.transforms.frames import at

LATENESS = timedelta(seconds=5)

TRADES = pa.schema(
    {
        "symbol": pa.string(),
        "event_time": pa.timestamp("us", "UTC"),
        "id": pa.int64(),
        "price": pa.decimal128(20, 10),
        "is.odd": pa.bool_(),
    }
)
_BEFORE_ZONES = datetime.fromisoformat("1883-01-01T00:00:00")
_LEVEL = pa.struct({"at": pa.timestamp("us", "UTC"), "clock": pa.timestamp("us"), "size": pa.float32()})
QUOTES = pa.schema(
    {
        "symbol": pa.string(),
        "event_time": pa.timestamp("us", "UTC"),
        "sequence": pa.int64(),
        "bid": pa.float64(),
        "price": pa.string(),
        "levels": pa.list_(_LEVEL),
        "more": pa.map_(pa.string(), pa.int16()),
        "raw": pa.binary(),
        "day": pa.date32(),
    }
)


def market(random: Random) -> tuple[list[Row], list[Row]]:
    """Trades and quotes of five minutes in the order of their arrival: up to five seconds late, many at one time."""
    trades: list[Row] = []
    quotes: list[Row] = []
    for number in range(700):
        place = {"symbol": random.choice(["A", "B", 'ü"\\', ""]), "event_time": at(random.randrange(1200) / 4)}
        if random.random() < 0.4:
            price = Decimal(random.randrange(10**18)).scaleb(-10)
            trades.append({**place, "id": number, "price": price, "is.odd": random.choice([True, None])})
            continue
        levels = [
            {
                "at": at(random.random()),
                "clock": datetime.fromisoformat(f"1883-01-01T00:00:00.{number:06}"),
                "size": random.random(),
            }
            for _ in range(random.randrange(3))
        ]
        quotes.append(
            {
                **place,
                "sequence": 2**62 + number,
                "bid": random.choice([None, random.random(), float("nan"), float("-inf"), -0.0, 5e-324]),
                "price": random.choice([None, "", "null", 'a\n"\u2028', "NaN"]),
                "levels": random.choice([None, levels]),
                "more": random.choice([None, {"a": 1, "b": None}]),
                "raw": random.randbytes(3),
                "day": date(2026, 1, number % 28 + 1),
            }
        )
    for side in (trades, quotes):
        side.sort(key=lambda row: row["event_time"] + random.random() * LATENESS)
    return trades, quotes


def in_batches(rows: Sequence[Row], count: int) -> list[list[Row]]:
    length = -(-len(rows) // count)
    return [list(rows[start : start + length]) for start in range(0, len(rows), length)]


def exactly(rows: list[Row]) -> list[str]:
    """Rows as text, in which what is no number is equal to itself."""
    return sorted(repr({**row, "more": sorted(row.get("more") or ())}) for row in rows)


def stream_of(spark: SparkSession, folder: Path, schema: pa.Schema) -> DataFrame:
    folder.mkdir()
    typed = spark.createDataFrame(schema.empty_table()).schema
    return spark.readStream.schema(typed).option("maxFilesPerTrigger", 1).parquet(str(folder))


def test_all_rows_are_those_of_the_stored_frames_over_restarts(spark: SparkSession, tmp_path: Path) -> None:
    trades, quotes = market(Random(5))
    parts = in_batches(trades, 3), in_batches(quotes, 4)
    folders = tmp_path / "trades", tmp_path / "quotes"
    far = at(10_000)
    end: tuple[Row, Row] = (
        {"symbol": "Z", "event_time": far, "id": -1},
        {"symbol": "Z", "event_time": far, "sequence": -1},
    )
    nowhere: list[Row] = [
        {"symbol": None, "event_time": at(3), "id": -2},
        {"symbol": "A", "event_time": None, "id": -3},
    ]
    streams = stream_of(spark, folders[0], TRADES), stream_of(spark, folders[1], QUOTES)
    joined = streams[0].transform(md.with_asof_stream, streams[1], lateness=LATENESS, wait=timedelta(minutes=5))
    rows: list[Row] = []
    for files in ((parts[0][:2], parts[1][:1]), (parts[0][2:], parts[1][1:]), ([[end[0], *nowhere]], [[end[1]]])):
        for folder, schema, more in zip(folders, (TRADES, QUOTES), files, strict=True):
            for file in more:
                add_file(folder, file, schema)
        seen, _ = work_off(joined, tmp_path / "checkpoint", "append")
        rows += [row for batch in seen.batches for row in batch]

    stored = [
        spark.createDataFrame(pa.Table.from_pylist(side, schema=schema))
        for side, schema in (([*trades, *nowhere], TRADES), (quotes, QUOTES))
    ]
    batch = stored[0].transform(md.with_asof, stored[1])
    assert joined.schema.simpleString() == batch.schema.simpleString()
    assert exactly(rows) == exactly(batch.toArrow().to_pylist())
    left, right = (
        pd.DataFrame(side)[["symbol", "event_time", number]].sort_values(["event_time", number])
        for side, number in ((trades, "id"), (quotes, "sequence"))
    )
    met = pd.merge_asof(left, right, on="event_time", by="symbol")
    pairs = zip(met["id"], met["sequence"], strict=True)
    expected = {int(id_): None if pd.isna(number) else int(number) for id_, number in pairs}
    # As doubles, pandas has numbers of 2**62 to the next 1024.
    found = {row["id"]: row["sequence"] for row in rows if row["id"] >= 0}
    assert {id_: number if number is None else float(number) for id_, number in found.items()} == {
        id_: number if number is None else float(number) for id_, number in expected.items()
    }


def test_what_cannot_be_right_is_refused(spark: SparkSession) -> None:
    left = spark.readStream.format("rate").load().selectExpr("'A' symbol", "timestamp event_time", "value")
    stored = spark.createDataFrame([], "symbol string, event_time timestamp")
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("found stored right rows; expected a stream: with_asof is for stored ones", {"right": stored}),
        ("the right rows have no column event_time", {"right": left.drop("event_time")}),
        ("column value is bigint; expected timestamps", {"on": "value"}),
        ("expected a wait that is longer", {"wait": timedelta(seconds=1)}),
        ("no direction 'back'", {"direction": "back"}),
        ("column m of the right rows is map<int,int>", {"right": left.withColumn("m", F.expr("map(1, 2)"))}),
    ]
    for message, changes in wrong:
        given: dict[str, Any] = {"left": left, "right": left, "lateness": LATENESS, **changes}
        with pytest.raises(InvalidInputError, match=message):
            md.with_asof_stream(**given)


def test_flow_of_a_stream_is_that_of_all_trades_over_restarts(spark: SparkSession, tmp_path: Path) -> None:
    random = Random(3)
    schema = pa.schema({**{name: TRADES.field(name).type for name in ("symbol", "event_time")}, "size": pa.float64()})
    schema = schema.append(pa.field("sign", pa.int32()))
    trades = [
        {
            "symbol": random.choice("AB"),
            "event_time": at(random.random() * 600),
            "size": random.random(),
            "sign": random.choice([1, -1, None]),
        }
        for _ in range(200)
    ]
    files = in_batches(trades, 3)
    flow = (
        stream_of(spark, tmp_path / "trades", schema)
        .withWatermark("event_time", "10 minutes")
        .transform(md.to_order_flow, ["1min", "5min"])
    )
    newest: dict[tuple[object, ...], Row] = {}
    for part in (files[:2], files[2:]):
        for file in part:
            add_file(tmp_path / "trades", file, schema)
        seen, _ = work_off(flow, tmp_path / "checkpoint")
        newest |= {(row["symbol"], row["window"], row["window_start"]): row for batch in seen.batches for row in batch}
    stored = spark.createDataFrame(pa.Table.from_pylist(trades, schema=schema))
    expected = stored.transform(md.to_order_flow, ["1min", "5min"]).toArrow().to_pylist()
    assert exactly(list(newest.values())) == exactly(expected)
    assert sum(row["trade_count"] for row in expected) == 2 * len(trades)
