"""Late ticks, early ticks, and partitions that are behind the others."""

from __future__ import annotations

import json
from functools import reduce
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from mdstream.schemas import BarWindow
from mdstream.transforms import to_bars, to_ticks
from tests.streaming.streams import (
    RECORD_SCHEMA,
    Row,
    add_file,
    dropped_as_late,
    records_stream,
    ticks_stream,
    work_off,
)
from tests.unit.transforms.frames import OPENING, at, tick

NEST = [BarWindow("1min", 60), BarWindow("5min", 300)]
MINUTE = 60.0
HOUR = 3600.0


def counts(bars: dict[tuple[object, ...], Row], window: str = "1min") -> dict[int, int]:
    """Trades by the minute, after the opening, in which their bar begins."""
    return {
        int((row["window_start"] - OPENING).total_seconds() // 60): row["trade_count"]
        for row in bars.values()
        if row["window"] == window
    }


def test_a_tick_is_late_when_its_longest_window_lies_behind_the_watermark(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "ticks"
    add_file(folder, [tick("A", minute * MINUTE, 10.0) for minute in (0, 4, 9, 10, 16)])
    for _ in range(2):
        add_file(folder, [tick("A", 20 * MINUTE, 10.0)])
    # The batch before began with a watermark of 10 min: windows of 5 min that end there or before are closed.
    add_file(folder, [tick("A", minute * MINUTE, 11.0) for minute in (0, 4, 9.9999, 10, 16, 20)])
    bars = ticks_stream(spark, folder, "10 minutes").transform(to_bars, NEST)
    revisions, query = work_off(bars, tmp_path / "checkpoint")
    assert counts(revisions.newest()) == {0: 1, 4: 1, 9: 1, 10: 2, 16: 2, 20: 3}
    assert counts(revisions.newest(), "5min") == {0: 2, 5: 1, 10: 2, 15: 2, 20: 3}
    # Per window: minutes 0, 4 and 9 have each lost a row, and so have two of the five minutes.
    assert dropped_as_late(query) == 5


def test_lateness_holds_over_a_restart(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "ticks"
    add_file(folder, [tick("A", 0, 10.0), tick("A", 16 * MINUTE, 10.0)])
    bars = ticks_stream(spark, folder, "10 minutes").transform(to_bars, NEST)
    work_off(bars, tmp_path / "checkpoint")
    add_file(folder, [tick("A", 30, 12.0), tick("A", 7 * MINUTE, 12.0), tick("A", 16 * MINUTE, 12.0)])
    revisions, query = work_off(bars, tmp_path / "checkpoint")
    assert counts(revisions.newest()) == {7: 1, 16: 2}
    assert dropped_as_late(query) == 2


def test_a_day_of_lateness_loses_nothing_of_a_day(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "ticks"
    for hours in (23, 0, 12, 3, 23, 0):
        add_file(folder, [tick("A", hours * HOUR + second, 10.0) for second in (1, 2)])
    revisions, query = work_off(ticks_stream(spark, folder).transform(to_bars, NEST), tmp_path / "checkpoint")
    assert counts(revisions.newest()) == {23 * 60: 4, 0: 4, 12 * 60: 2, 3 * 60: 2}
    assert dropped_as_late(query) == 0


def test_a_tick_of_a_wrong_clock_never_reaches_the_watermark(spark: SparkSession, tmp_path: Path) -> None:
    def record(seconds: float, offset: int, **changes: object) -> Row:
        micros = round(at(seconds).timestamp() * 1_000_000)
        fields = {"symbol": "A", "price": 10.0, "size": 1.0, "event_time": micros, **changes}
        value = json.dumps(fields).encode()
        return {"value": value, "topic": "tick_data", "partition": 0, "offset": offset, "timestamp": at(seconds + 1)}

    folder, year_2100, far = tmp_path / "records", 4_102_444_800_000_000, 2**63 - 1
    wrong = [
        record(61, 1, event_time=year_2100),
        record(61, 2, event_time=far),
        record(61, 3, event_time=year_2100, ingest_time=year_2100),
        record(61, 4, event_time=round(at(62 + 301).timestamp() * 1_000_000)),
    ]
    add_file(folder, [record(60, 0), *wrong], RECORD_SCHEMA)
    for offset in (5, 6, 7):
        add_file(folder, [record(0, offset), record(120, 10 + offset)], RECORD_SCHEMA)
    ticks = records_stream(spark, folder).transform(to_ticks, 300).withWatermark("event_time", "1 minute")
    revisions, query = work_off(ticks.transform(to_bars, NEST[:1]), tmp_path / "checkpoint")
    # The last batch but one began with a watermark of 1 min, where the first minute ends.
    assert counts(revisions.newest()) == {0: 2, 1: 1, 2: 3}
    assert dropped_as_late(query) == 1
    watermarks = [progress["eventTime"]["watermark"] for progress in query.recentProgress]
    assert max(watermarks) == "2026-01-02T14:31:00.000Z"


def test_partitions_with_a_watermark_each_wait_for_the_one_that_is_behind(spark: SparkSession, tmp_path: Path) -> None:
    ahead, behind = tmp_path / "ahead", tmp_path / "behind"
    for minute in range(3):
        add_file(
            ahead, [tick("A", 6 * HOUR + minute * MINUTE, 10.0), tick("A", 6 * HOUR + (minute + 1) * MINUTE, 10.0)]
        )
        add_file(behind, [tick("B", minute * MINUTE, 20.0), tick("B", (minute + 1) * MINUTE, 20.0)])
    partitions = [ticks_stream(spark, folder, "1 minute") for folder in (ahead, behind)]
    bars = reduce(DataFrame.unionByName, partitions).transform(to_bars, NEST[:1])
    revisions, query = work_off(bars, tmp_path / "checkpoint")
    assert counts(revisions.newest()) == {0: 1, 1: 2, 2: 2, 3: 1, 360: 1, 361: 2, 362: 2, 363: 1}
    assert dropped_as_late(query) == 0
