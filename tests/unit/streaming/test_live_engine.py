"""The engine's bars are those of `to_bars`, and of a plain reference, to the last bit."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession

from mdstream.errors import MissingDependencyError
from mdstream.schemas import BAR, BarWindow
from mdstream.schemas.conditions import CANCEL
from mdstream.schemas.wire import decode, to_micros
from mdstream.streaming import to_bar_records
from mdstream.streaming.live_engine import engine_of
from mdstream.transforms import ConditionTable, Eligibility, to_bars
from tests.streaming.streams import add_file, ticks_stream, work_off
from tests.unit.transforms.examples import examples_of
from tests.unit.transforms.frames import Row, at, tick, ticks_frame

TABLE = ConditionTable(
    {
        "late": Eligibility(open_close=False, high_low=False),
        "odd": Eligibility(volume=False),
        "no": Eligibility(*[False] * 3),
    }
)
# Two of them divide no other.
WINDOWS = [BarWindow("1min", 60), BarWindow("5min", 300), BarWindow("7min", 420), BarWindow("90s", 90)]
DAY = 86_400
Bars = dict[tuple[object, ...], Row]


def decoded(records: Iterable[Any]) -> list[Row]:
    """The bars of records of the topic, in their order."""
    bars = []
    for record in records:
        bar = decode(BAR, bytes(record["value"]))
        assert bytes(record["key"]).decode() == bar["symbol"]
        assert list(json.loads(bytes(record["value"]))) == [name for name in BAR.schema.names if bar[name] is not None]
        bars.append(bar)
    return bars


def by_key(bars: Iterable[Row]) -> Bars:
    return {tuple(bar[name] for name in BAR.key): bar for bar in bars}


def engine_bars(ticks: DataFrame, windows: Sequence[BarWindow] = WINDOWS, table: ConditionTable = TABLE) -> Bars:
    records = to_bar_records(ticks, windows, table, 10 * DAY).frame.collect()
    bars = decoded(records)
    assert len(by_key(bars)) == len(bars), "two revisions of one bar in one batch"
    return by_key(bars)


def column_bars(ticks: DataFrame, windows: Sequence[BarWindow] = WINDOWS, table: ConditionTable = TABLE) -> Bars:
    return by_key(bar for window in windows for bar in ticks.transform(to_bars, [window], table).toArrow().to_pylist())


def reference_bars(ticks: Iterable[Row], windows: Sequence[BarWindow] = WINDOWS) -> Bars:
    """The bars in plain Python, from the definition in the documentation."""
    bars: Bars = {}
    trades = [row for row in ticks if CANCEL not in (row["conditions"] or ())]
    for window in windows:
        groups: dict[tuple[str, int], list[Row]] = {}
        for row in trades:
            start = to_micros(row["event_time"]) // (window.seconds * 1_000_000)
            groups.setdefault((row["symbol"], start), []).append(row)
        for (symbol, number), rows in groups.items():
            bar = _reference_bar(symbol, window, number * window.seconds, rows)
            bars[tuple(bar[name] for name in BAR.key)] = bar
    return bars


def _reference_bar(symbol: str, window: BarWindow, start: int, rows: list[Row]) -> Row:
    def may(row: Row, purpose: str) -> bool:
        return all(getattr(TABLE.codes.get(code, TABLE.other), purpose) for code in row["conditions"] or ())

    def rank(row: Row) -> tuple[object, ...]:
        sequence = row["kafka_offset"] if row["sequence"] is None else row["sequence"]
        return (row["event_time"], sequence, row["kafka_offset"])

    def total(values: Iterable[float]) -> float:
        parts = [(math.floor(v), math.floor((v - math.floor(v)) * 1e11 + 0.5)) for v in values]
        return sum(whole for whole, _ in parts) + sum(rest for _, rest in parts) / 1e11

    first_and_last = sorted([row for row in rows if may(row, "open_close")] or rows, key=rank)
    extremes = [row["price"] for row in rows if may(row, "high_low")] or [row["price"] for row in rows]
    weighing = [row for row in rows if may(row, "high_low") and may(row, "volume")]
    size = total(row["size"] for row in weighing)
    bounds = extremes
    if not size:
        weighing, size, bounds = rows, total(row["size"] for row in rows), [row["price"] for row in rows]
    mean = total(row["price"] * row["size"] for row in weighing) / size if size else None
    return {
        "symbol": symbol,
        "window": window.name,
        "window_start": at(start - at(0).timestamp()),
        "window_end": at(start + window.seconds - at(0).timestamp()),
        "open": first_and_last[0]["price"],
        "high": max(extremes),
        "low": min(extremes),
        "close": first_and_last[-1]["price"],
        "volume": total(row["size"] for row in rows if may(row, "volume")),
        "vwap": None if mean is None else min(max(mean, min(bounds)), max(bounds)),
        "trade_count": len(rows),
        "last_event_time": max(row["event_time"] for row in rows),
        "last_ingest_time": max(row["ingest_time"] for row in rows),
    }


prints = st.tuples(
    st.sampled_from("ABC"),
    st.integers(0, 1_900_000_000) | st.sampled_from([0, 59_999_999, 60_000_000]),
    st.floats(1e-6, 1e6) | st.integers(1, 99_999).map(lambda cents: cents / 100),
    st.floats(1e-11, 1e5) | st.integers(1, 1000).map(float),
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3),
    st.sampled_from([None, [], ["late"], ["odd", "late"], ["odd"], ["no"], ["@"], [CANCEL]]),
)


def ticks_of(market: Sequence[tuple[Any, ...]], first_offset: int = 0) -> list[Row]:
    return [
        tick(
            symbol, micros / 1_000_000, price, size, sequence=sequence, conditions=codes,
            kafka_offset=first_offset + number, ingest_time=at(micros / 1_000_000 + number),
        )
        for number, (symbol, micros, price, size, sequence, codes) in enumerate(market)
    ]  # fmt: skip


def test_the_engine_builds_what_the_columns_and_the_reference_build(spark: SparkSession) -> None:
    for market in (examples_of(prints, 400), examples_of(prints, 40), examples_of(prints, 3)):
        rows = ticks_of(market)
        frame = ticks_frame(spark, rows)
        bars = engine_bars(frame)
        assert bars == column_bars(frame)
        assert bars == reference_bars(rows)


def stream_bars(spark: SparkSession, folder: Path, lateness: int = DAY) -> tuple[list[list[Row]], int]:
    """Work off what is in a folder, file by file, from where the checkpoint is; the revisions, and what was late."""
    records = to_bar_records(ticks_stream(spark, folder / "ticks"), WINDOWS, TABLE, lateness)
    revisions, _ = work_off(records.frame, folder / "checkpoint")
    # Where the test's stream moves its watermark, a batch without any tick follows.
    return [decoded(batch) for batch in revisions.batches if batch], records.late_ticks()


def test_revisions_grow_to_the_bars_of_all_ticks_over_restarts(spark: SparkSession, tmp_path: Path) -> None:
    random, market = Random(7), examples_of(prints, 400)
    random.shuffle(market)
    rows = ticks_of(market)
    counts: dict[tuple[object, ...], int] = {}
    newest: Bars = {}
    for first in range(0, len(rows), 100):
        for part in range(first, first + 100, 50):
            add_file(tmp_path / "ticks", rows[part : part + 50])
        batches, late = stream_bars(spark, tmp_path)
        assert len(batches) == 2
        assert late == 0
        for batch in batches:
            for key, bar in by_key(batch).items():
                assert bar["trade_count"] > counts.get(key, 0)
                counts[key] = bar["trade_count"]
                newest[key] = bar
    assert newest == reference_bars(rows)


def test_lateness_is_by_symbol_and_survives_restarts(spark: SparkSession, tmp_path: Path) -> None:
    hour = 3600.0

    def put(*trades: tuple[str, float]) -> None:
        stamped = [tick(symbol, seconds, 10.0, ingest_time=at(seconds)) for symbol, seconds in trades]
        add_file(tmp_path / "ticks", stamped)

    put(("AHEAD", 100 * hour), ("BEHIND", 0))
    put(("AHEAD", 101 * hour), ("BEHIND", 1))
    assert stream_bars(spark, tmp_path, 3600)[1] == 0
    # An hour behind its own newest is within, a microsecond more is not.
    put(("AHEAD", 100 * hour), ("AHEAD", 100 * hour - 0.000001), ("BEHIND", 3601.0))
    put(("BEHIND", 1), ("BEHIND", 0.999), ("AHEAD", 101 * hour))
    batches, late = stream_bars(spark, tmp_path, 3600)
    assert late == 2
    newest = by_key(bar for batch in batches for bar in batch if bar["window"] == "1min")
    counts = {(bar["symbol"], bar["window_start"]): bar["trade_count"] for bar in newest.values()}
    assert counts == {
        ("AHEAD", at(100 * hour)): 2,
        ("AHEAD", at(101 * hour)): 2,
        ("BEHIND", at(0)): 3,
        ("BEHIND", at(3600)): 1,
    }


def test_closed_bars_go_from_the_state_when_no_tick_may_revise_them(spark: SparkSession, tmp_path: Path) -> None:
    def kept() -> int:
        return spark.read.format("statestore").load(str(tmp_path / "checkpoint"), stateVarName="closed").count()

    def put(*minutes: int) -> None:
        add_file(tmp_path / "ticks", [tick("A", minute * 60.0, 10.0, ingest_time=at(0)) for minute in minutes])

    put(*range(30))
    stream_bars(spark, tmp_path, 600)
    # Of those closed at 29 min some end behind 19 min: ten of 1 min, seven of 90 s, two of 5 min, two of 7 min.
    assert kept() == 10 + 7 + 2 + 2
    put(31)
    put(2000)
    stream_bars(spark, tmp_path, 600)
    assert kept() == 0


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "bär", "a\nb"])
def test_any_name_of_a_window_is_json(spark: SparkSession, name: str) -> None:
    ticks = ticks_frame(spark, [tick("A", 1, 10.25, 2.0, ingest_time=at(2))])
    ((_, window, start),) = engine_bars(ticks, [BarWindow(name, 60)])
    assert (window, start) == (name, at(0))


@pytest.mark.parametrize("price", [1e12, 1e-9, 0.1 + 0.2, 123456.789, 5e-324, 1e7, 9_999_999.5, 1 / 3, 2**53 + 2.0])
def test_prices_come_through_to_the_last_bit(spark: SparkSession, price: float) -> None:
    ticks = ticks_frame(spark, [tick("A", 1, price, 1e-3, ingest_time=at(2))])
    (bar,) = engine_bars(ticks, WINDOWS[:1]).values()
    assert [bar[name] for name in ("open", "high", "low", "close")] == [price] * 4


def test_a_session_without_the_engine_says_what_to_do() -> None:
    stranger: Any = SimpleNamespace(_jvm=SimpleNamespace(mdstream=SimpleNamespace(engine=SimpleNamespace(LiveBars=1))))
    with pytest.raises(MissingDependencyError, match="lacks the live engine's jar: start the job by 'mdstream run'"):
        engine_of(stranger)
