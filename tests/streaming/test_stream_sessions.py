"""Bars of sessions in a stream are those of the stored ticks, and the state is let go of."""

from __future__ import annotations

from pathlib import Path
from random import Random

from pyspark.sql import SparkSession

from mdstream.schemas.session_windows import Window, parse_window
from mdstream.transforms import to_bars
from tests.streaming.streams import Row, add_file, by_key, dropped_as_late, ticks_stream, work_off
from tests.unit.transforms.frames import OPENING, tick, ticks_frame
from tests.unit.transforms.sessions import ny, stock_exchange

CALENDAR = stock_exchange()
_DAYS = ("2026-03-05", "2026-03-06", "2026-03-09", "2026-03-10")


def windows(*texts: str) -> list[Window]:
    return [parse_window(text, [CALENDAR]) for text in texts]


def day_of(day: str, number: int, count: int = 60) -> list[Row]:
    """Ticks from 09:00 to 17:00, as out of order as can be."""
    random = Random(number)
    opening = (ny(f"{day} 09:00") - OPENING).total_seconds()
    seconds = [opening + random.randrange(28_800) for _ in range(count)]
    return [
        tick(random.choice("AB"), second, random.uniform(10, 20), kafka_offset=1000 * number + order)
        for order, second in enumerate(seconds)
    ]


def test_the_newest_revisions_are_the_bars_of_the_stored_ticks(spark: SparkSession, tmp_path: Path) -> None:
    wanted = windows("1h@NY", "1d@NY", "5min", "1w@America/New_York")
    days = [day_of(day, number) for number, day in enumerate(_DAYS)]
    for day in days:
        add_file(tmp_path / "ticks", day)
    # As late as may be: all of a week is there when it is asked for.
    bars = ticks_stream(spark, tmp_path / "ticks", "10 days").transform(to_bars, wanted, extended=True)
    revisions, query = work_off(bars, tmp_path / "checkpoint")
    stored = ticks_frame(spark, [row for day in days for row in day]).transform(to_bars, wanted, extended=True)
    assert revisions.newest() == by_key(stored.toArrow().to_pylist())
    assert dropped_as_late(query) == 0


def test_bars_are_forgotten_when_the_watermark_has_passed_their_end(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "ticks"
    for number, day in enumerate(_DAYS):
        add_file(folder, day_of(day, number))
    # The first day again: late by days.
    add_file(folder, day_of(_DAYS[0], 9))
    bars = ticks_stream(spark, folder, "1 hour").transform(to_bars, windows("30min@NY", "1d@NY"))
    revisions, query = work_off(bars, tmp_path / "checkpoint")
    kept = [operator["numRowsTotal"] for each in query.recentProgress for operator in each["stateOperators"]]
    # 13 half hours and a day for each of two symbols at most, and what the day before still had.
    assert max(kept) <= 2 * 2 * 14
    assert kept[-1] <= 2 * 14
    assert sum(operator["numRowsRemoved"] for each in query.recentProgress for operator in each["stateOperators"]) > 0
    assert dropped_as_late(query) > 0
    assert {key[2] for batch in revisions.batches[4:] for key in by_key(batch)} == set()


def test_a_bar_is_complete_when_it_is_appended(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "ticks"
    days = [day_of(day, number) for number, day in enumerate(_DAYS[:3])]
    for day in days:
        add_file(folder, day)
    bars = ticks_stream(spark, folder, "1 minute").transform(to_bars, windows("1d@NY"))
    revisions, _ = work_off(bars, tmp_path / "checkpoint", "append")
    stored = by_key(ticks_frame(spark, [*days[0], *days[1]]).transform(to_bars, windows("1d@NY")).toArrow().to_pylist())
    found = revisions.newest()
    assert stored
    assert {key: found[key] for key in stored} == stored
