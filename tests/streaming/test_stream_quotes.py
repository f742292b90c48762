"""The best of venues, bars of quotes and signs of trades in streams: as of stored rows, to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

import mdstream as md
from mdstream.errors import InvalidInputError
from tests.streaming.streams import Row, add_file, work_off
from tests.unit.transforms.frames import at

LATENESS = timedelta(seconds=5)
SECONDS, BEFORE_OPENING = 600, 120

PLACE = [("symbol", pa.string()), ("event_time", pa.timestamp("us", "UTC")), ("sequence", pa.int64())]
QUOTES = pa.schema(
    [*PLACE, ("exchange", pa.string()), *((name, pa.float64()) for name in ("bid", "ask", "bid_size", "ask_size"))]
)
TRADES = pa.schema(
    [*PLACE, ("price", pa.float64()), ("size", pa.float64()), ("note", pa.map_(pa.string(), pa.int32()))]
)


def place(random: Random, number: int) -> Row:
    """Whose and when: many of one time, some of those without a number."""
    second = random.choice([random.randrange(SECONDS * 2) / 2, random.random() * SECONDS])
    time = at(second - BEFORE_OPENING)
    return {"symbol": random.choice("ABC"), "event_time": time, "sequence": random.choice([None, number])}


def quotes_of(random: Random, count: int = 500) -> list[Row]:
    """Quotes in the order of their arrival, up to five seconds late; some crossed, of one side, or no numbers."""
    nan = float("nan")
    quotes = [
        place(random, number)
        | {
            "exchange": random.choice("NPQ"),
            "bid": random.choice([9.9, 10.0, random.uniform(9.8, 10.1), None, 0.0, nan]),
            "ask": random.choice([10.1, 10.2, random.uniform(10.0, 10.3), None]),
            "bid_size": random.choice([1.0, 2.0, random.random()]),
            "ask_size": random.choice([1.0, 3.0, random.random()]),
        }
        for number in range(count)
    ]
    return arrived(random, quotes)


def trades_of(random: Random, count: int = 300) -> list[Row]:
    trades = [
        place(random, number)
        | {
            "price": random.choice([10.0, 10.05, random.uniform(9.9, 10.2), None, float("nan"), float("inf")]),
            "size": random.random(),
            "note": random.choice([None, [("id", number)]]),
        }
        for number in range(count)
    ]
    return arrived(random, trades)


def arrived(random: Random, rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row["event_time"] + random.random() * LATENESS)


def in_files(rows: Sequence[Row], count: int) -> list[list[Row]]:
    length = -(-len(rows) // count)
    return [list(rows[start : start + length]) for start in range(0, len(rows), length)]


def exactly(rows: list[Row]) -> list[str]:
    """Rows as text, in which what is no number is equal to itself."""
    return sorted(map(repr, rows))


def stream_of(spark: SparkSession, folder: Path, schema: pa.Schema) -> DataFrame:
    folder.mkdir()
    typed = spark.createDataFrame(schema.empty_table()).schema
    return spark.readStream.schema(typed).option("maxFilesPerTrigger", 1).parquet(str(folder))


def stored(spark: SparkSession, rows: list[Row], schema: pa.Schema) -> DataFrame:
    return spark.createDataFrame(pa.Table.from_pylist(rows, schema=schema))


def given(made: DataFrame, checkpoint: Path, *runs: dict[Path, tuple[list[list[Row]], pa.Schema]]) -> list[Row]:
    """What a query gives over several runs, each with its own files."""
    rows: list[Row] = []
    for files in runs:
        for folder, (parts, schema) in files.items():
            for part in parts:
                add_file(folder, part, schema)
        seen, _ = work_off(made, checkpoint, "append")
        rows += [row for batch in seen.batches for row in batch]
    return rows


def end(second: float, symbol: str = "Z") -> list[Row]:
    """A row that lets all before it be complete."""
    return [{"symbol": symbol, "event_time": at(second)}]


def test_the_best_of_venues_is_that_of_all_quotes_over_restarts(spark: SparkSession, tmp_path: Path) -> None:
    quotes = quotes_of(Random(2))
    files, folder = in_files(quotes, 4), tmp_path / "quotes"
    venues = ["Q", "N", "P"]
    best = stream_of(spark, folder, QUOTES).transform(md.to_nbbo_stream, venues, lateness=LATENESS)
    last = [row | {"exchange": "Q"} for row in end(10_000)]
    late = [quotes[0] | {"event_time": at(1), "bid": 10.05}, quotes[0] | {"symbol": None}]
    rows = given(
        best,
        tmp_path / "checkpoint",
        {folder: (files[:2], QUOTES)},
        {folder: ([*files[2:], last, late], QUOTES)},
    )

    batch = stored(spark, quotes, QUOTES).transform(md.to_nbbo, venues)
    assert best.columns == batch.columns
    assert exactly(rows) == exactly(batch.toArrow().to_pylist())
    assert len(rows) > 300


def test_bars_of_quotes_are_those_of_all_quotes_over_restarts(spark: SparkSession, tmp_path: Path) -> None:
    quotes = quotes_of(Random(4))
    files, folder = in_files(quotes, 4), tmp_path / "quotes"
    windows = ["10s", "1min", "5min@XNYS"]
    bars = stream_of(spark, folder, QUOTES).transform(md.to_quote_bar_stream, windows, lateness=LATENESS, extended=True)
    late = [quotes[0] | {"event_time": at(SECONDS + 1)}]
    rows = given(
        bars,
        tmp_path / "checkpoint",
        {folder: (files[:2], QUOTES)},
        {folder: ([*files[2:], end(10_000), late], QUOTES)},
    )

    batch = stored(spark, quotes, QUOTES).transform(md.to_quote_bars, windows, extended=True)
    assert bars.schema.simpleString() == batch.schema.simpleString()
    assert exactly(rows) == exactly(batch.toArrow().to_pylist())
    assert {row["window"] for row in rows} == set(windows)
    assert {row["extended"] for row in rows} == {True, False}


SIGNS: list[tuple[str, dict[str, Any]]] = [
    ("lee_ready", {"lag": timedelta(seconds=2)}),
    ("quote", {"tolerance": timedelta(seconds=3)}),
    ("tick", {}),
]


@pytest.mark.parametrize(("rule", "more"), SIGNS, ids=[rule for rule, _ in SIGNS])
def test_signs_are_those_of_all_rows_over_restarts(
    spark: SparkSession, tmp_path: Path, rule: str, more: dict[str, Any]
) -> None:
    trades, quotes = trades_of(Random(6)), quotes_of(Random(7))
    parts = in_files(trades, 3), in_files(quotes, 4)
    folders = tmp_path / "trades", tmp_path / "quotes"
    streams = stream_of(spark, folders[0], TRADES), stream_of(spark, folders[1], QUOTES)
    books = None if rule == "tick" else streams[1]
    signed = streams[0].transform(md.with_trade_sign_stream, books, rule, lateness=LATENESS, **more)
    # One side is ahead of the other, and a trade comes too late.
    late = [trades[0] | {"event_time": at(1), "sequence": -1}, trades[0] | {"symbol": None, "sequence": -2}]
    runs: list[tuple[list[list[Row]], list[list[Row]]]] = [
        (parts[0], parts[1][:1]),
        ([end(10_000)], [*parts[1][1:], end(10_000)]),
        ([late], []),
    ]
    rows = given(
        signed,
        tmp_path / "checkpoint",
        *(
            {folder: (files, schema) for folder, files, schema in zip(folders, run, (TRADES, QUOTES), strict=True)}
            for run in runs
        ),
    )

    found = {row["sequence"]: row for row in rows if row["sequence"] in (-1, -2)}
    assert [(row["sign"], row["signed_size"], row["price"]) for row in found.values()] == [
        (None, None, trades[0]["price"])
    ] * 2
    batch = stored(spark, trades, TRADES).transform(
        md.with_trade_sign, None if books is None else stored(spark, quotes, QUOTES), rule, **more
    )
    assert signed.schema.simpleString() == batch.schema.simpleString()
    kept = [row for row in rows if row["symbol"] != "Z" and row["sequence"] not in found]
    assert exactly(kept) == exactly(batch.toArrow().to_pylist())
    assert {row["sign"] for row in kept} == {1, -1, None}


def test_a_side_that_stands_still_is_not_waited_for_longer_than_said(spark: SparkSession, tmp_path: Path) -> None:
    folders = tmp_path / "trades", tmp_path / "quotes"
    streams = stream_of(spark, folders[0], TRADES), stream_of(spark, folders[1], QUOTES)
    waits = streams[0].transform(
        md.with_trade_sign_stream, streams[1], "quote", lateness=LATENESS, wait=timedelta(seconds=30)
    )
    quote = {"symbol": "A", "exchange": "N", "bid": 9.0, "ask": 11.0}
    trades = [{"symbol": "A", "event_time": at(second), "price": 10.5, "sequence": second} for second in (20, 31, 80)]
    missed = [quote | {"event_time": at(30), "bid": 10.0, "ask": 12.0}]
    rows = given(
        waits,
        tmp_path / "checkpoint",
        {folders[0]: ([trades], TRADES), folders[1]: ([[quote | {"event_time": at(10)}]], QUOTES)},
        {folders[1]: ([missed], QUOTES)},
        {folders[0]: ([[trades[0] | {"event_time": at(200), "sequence": 200}]], TRADES)},
    )
    # The quote of second 30 was waited for until second 60, and came later: it counts for what comes then.
    assert [(row["sequence"], row["mid"], row["sign"]) for row in rows] == [
        (20, 10.0, 1),
        (31, 10.0, 1),
        (80, 11.0, -1),
    ]


def test_what_cannot_be_right_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    quotes = stream_of(spark, tmp_path / "quotes", QUOTES)
    trades = stream_of(spark, tmp_path / "trades", TRADES)
    late: dict[str, Any] = {"lateness": LATENESS}
    with pytest.raises(InvalidInputError, match="found stored quotes; expected a stream: to_nbbo is for stored ones"):
        md.to_nbbo_stream(stored(spark, [], QUOTES), ["N"], **late)
    with pytest.raises(InvalidInputError, match="expected different exchanges, found: none"):
        md.to_nbbo_stream(quotes, [], **late)
    with pytest.raises(InvalidInputError, match="expected a length of time, not below 0"):
        md.to_quote_bar_stream(quotes, "1min", lateness=-LATENESS)
    with pytest.raises(InvalidInputError, match="the rule lee_ready needs quotes"):
        md.with_trade_sign_stream(trades, **late)
    with pytest.raises(InvalidInputError, match="expected a wait that is longer"):
        md.with_trade_sign_stream(trades, quotes, wait=timedelta(seconds=1), **late)
