"""Bars of a stream are those of the stored ticks, through revisions, restarts and changed rules."""

from __future__ import annotations

from pathlib import Path
from random import Random

from pyspark.sql import SparkSession

from mdstream.schemas import BarWindow
from mdstream.transforms import ConditionTable, Eligibility, to_bars
from tests.streaming.streams import Row, add_file, by_key, ticks_stream, work_off
from tests.unit.transforms.frames import tick, ticks_frame

WINDOWS = [BarWindow("1min", 60), BarWindow("5min", 300), BarWindow("15min", 900)]
TABLE = ConditionTable({"late": Eligibility(open_close=False, high_low=False)})


def market(seed: int, count: int = 300) -> list[Row]:
    """Ticks of forty minutes, as out of order as can be."""
    random = Random(seed)
    ticks = [
        tick(
            random.choice("ABC"),
            random.randrange(2_400_000_000) / 1_000_000,
            round(random.uniform(10, 20), 4),
            round(random.uniform(0.01, 500), 8),
            sequence=random.choice([None, random.randrange(10)]),
            conditions=random.choice([None, [], ["late"], ["odd", "late"], ["odd"]]),
            kafka_offset=1000 * seed + number,
        )
        for number in range(count)
    ]
    random.shuffle(ticks)
    return ticks


def batch_bars(spark: SparkSession, ticks: list[Row], table: ConditionTable = TABLE) -> dict[tuple[object, ...], Row]:
    return by_key(ticks_frame(spark, ticks).transform(to_bars, WINDOWS, table).toArrow().to_pylist())


def test_the_newest_revisions_are_the_bars_of_all_ticks_also_after_restarts(
    spark: SparkSession, tmp_path: Path
) -> None:
    checkpoint, folder = tmp_path / "checkpoint", tmp_path / "ticks"
    files = [market(seed) for seed in range(4)]
    for file in files[:3]:
        add_file(folder, file)
    bars = ticks_stream(spark, folder).transform(to_bars, WINDOWS, TABLE)

    first, _ = work_off(bars, checkpoint)
    assert len([batch for batch in first.batches if batch]) == 3
    assert first.newest() == batch_bars(spark, [row for file in files[:3] for row in file])
    counts: dict[tuple[object, ...], int] = {}
    for batch in first.batches:
        revised = by_key(batch)
        assert len(revised) == len(batch), "two revisions of one bar in one batch"
        for key, bar in revised.items():
            assert bar["trade_count"] > counts.get(key, 0)
            counts[key] = bar["trade_count"]

    nothing_new, _ = work_off(bars, checkpoint)
    assert nothing_new.newest() == {}

    add_file(folder, files[3][:5])
    second, _ = work_off(bars, checkpoint)
    expected = batch_bars(spark, [*(row for file in files[:3] for row in file), *files[3][:5]])
    touched = batch_bars(spark, files[3][:5])
    assert second.newest() == {key: expected[key] for key in touched}


def test_rules_may_change_between_two_starts(spark: SparkSession, tmp_path: Path) -> None:
    folder = tmp_path / "ticks"
    early, late = market(5, 50), market(6, 50)
    add_file(folder, early)
    ticks = ticks_stream(spark, folder)
    work_off(ticks.transform(to_bars, WINDOWS, ConditionTable()), tmp_path / "checkpoint")
    add_file(folder, late)
    strict = ConditionTable({"odd": Eligibility(open_close=False, high_low=False, volume=False)}, other=TABLE.other)
    revised, _ = work_off(ticks.transform(to_bars, WINDOWS, strict), tmp_path / "checkpoint")
    # Trades are judged when they come: those of before by the rules of then, which allowed everything.
    judged = [{**row, "conditions": None} for row in early] + late
    expected = batch_bars(spark, judged, strict)
    assert revised.newest() == {key: expected[key] for key in batch_bars(spark, late)}
