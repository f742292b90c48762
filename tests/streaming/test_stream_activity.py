"""Bars by activity of a stream are those of the stored ticks, over restarts and with trades that come late."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession

import mdstream as md
from mdstream.errors import InvalidInputError
from mdstream.schemas import STORED_TICK
from mdstream.schemas.spark import spark_schema
from tests.streaming.streams import Row, add_file, work_off
from tests.unit.transforms.frames import tick, ticks_frame

LATENESS = timedelta(seconds=20)

CASES: list[tuple[str, float, str | None]] = [("dollar", 1234.5, None), ("volume", 60, "10min")]


def market(random: Random, count: int = 500) -> list[Row]:
    """Ticks of forty minutes in the order of their arrival, up to twenty seconds late, many at one time."""
    ticks = [
        tick(
            random.choice("ABC"),
            random.randrange(1200) * 2,
            round(random.uniform(10, 20), 2),
            random.choice([0.5, 0.1, 3.0, 40.0, round(random.uniform(0.01, 20), 8)]),
            sequence=random.choice([None, number]),
            ingest_time=random.choice([None, tick("A", number, 1.0)["event_time"]]),
            conditions=random.choice([None, ["odd"], ["odd", "cancel"]]),
            kafka_offset=number,
        )
        for number in range(count)
    ]
    return sorted(ticks, key=lambda row: row["event_time"] + random.random() * LATENESS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bars_are_those_of_all_ticks_over_restarts(
    spark: SparkSession, tmp_path: Path, case: tuple[str, float, str | None]
) -> None:
    measure, threshold, within = case
    ticks = market(Random(measure))
    parts = [ticks[start : start + 125] for start in range(0, len(ticks), 125)]
    (tmp_path / "ticks").mkdir()
    source = spark.readStream.schema(spark_schema(STORED_TICK)).option("maxFilesPerTrigger", 1)
    bars = source.parquet(str(tmp_path / "ticks")).transform(
        md.to_activity_bar_stream, measure, threshold, lateness=LATENESS, within=within
    )
    rows: list[Row] = []
    for files in (parts[:2], [*parts[2:], [tick("Z", 100_000, 1.0)]]):
        for file in files:
            add_file(tmp_path / "ticks", file)
        seen, _ = work_off(bars, tmp_path / "checkpoint", "append")
        rows += [row for batch in seen.batches for row in batch]

    stored = ticks_frame(spark, ticks).transform(md.to_activity_bars, measure, threshold, within=within)
    assert bars.columns == stored.columns
    expected = stored.toArrow().to_pylist()
    newest = {symbol: max(row["bar_number"] for row in expected if row["symbol"] == symbol) for symbol in "ABC"}
    # The last bar of a symbol has not ended if it is not complete.
    ended = [row for row in expected if row["is_complete"] or row["bar_number"] < newest[row["symbol"]]]
    assert sorted(rows, key=_place) == sorted(ended, key=_place)
    assert len(rows) > 30
    assert {row["is_complete"] for row in rows} == ({True} if within is None else {True, False})


def _place(row: Row) -> tuple[Any, ...]:
    return row["symbol"], row["bar_number"]


def test_what_cannot_be_right_is_refused(spark: SparkSession, tmp_path: Path) -> None:
    ticks = spark.readStream.schema(spark_schema(STORED_TICK)).parquet(str(tmp_path))
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("found stored ticks; expected a stream", {"ticks": ticks_frame(spark, [])}),
        ("expected a whole number of trades", {"threshold": 1.5}),
        ("no measure 'euro'", {"measure": "euro"}),
        ("expected a length of time, not below 0", {"lateness": -LATENESS}),
    ]
    for message, changes in wrong:
        given: dict[str, Any] = {"ticks": ticks, "measure": "tick", "threshold": 5, "lateness": LATENESS, **changes}
        with pytest.raises(InvalidInputError, match=message):
            md.to_activity_bar_stream(**given)
