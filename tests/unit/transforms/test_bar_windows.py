"""Windows: their edges, several at once, and those that are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from chispa import assert_df_equality
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR, BarWindow
from mdstream.schemas.spark import spark_schema
from mdstream.transforms import to_bars
from tests.unit.transforms.frames import assert_bars, at, bar, tick, ticks_frame

TRADES = [
    tick("A", -0.000001, 9.0, 2.0, ingest_time=at(5)),
    tick("A", 0, 10.0, 1.0, ingest_time=at(1)),
    tick("A", 59.999999, 12.0, 3.0, ingest_time=at(60)),
    tick("A", 60, 11.0, 4.0),
    tick("A", 299.999999, 13.0, 6.0, ingest_time=at(300)),
    tick("A", 300, 14.0, 8.0, ingest_time=at(299)),
    tick("B", 0, 100.0, 1.0, ingest_time=at(0)),
]


def test_a_window_holds_its_start_and_not_its_end(spark: SparkSession) -> None:
    def edges(window: str, start: float, end: float) -> dict[str, object]:
        return {"window": window, "window_start": at(start), "window_end": at(end)}

    expected = [
        bar("A", (9.0,) * 4, 2.0, 9.0, 1, -0.000001, **edges("1min", -60, 0), last_ingest_time=at(5)),
        bar("A", (10.0, 12.0, 10.0, 12.0), 4.0, 11.5, 2, 59.999999, **edges("1min", 0, 60), last_ingest_time=at(60)),
        bar("A", (11.0,) * 4, 4.0, 11.0, 1, 60, **edges("1min", 60, 120)),
        bar("A", (13.0,) * 4, 6.0, 13.0, 1, 299.999999, **edges("1min", 240, 300), last_ingest_time=at(300)),
        bar("A", (14.0,) * 4, 8.0, 14.0, 1, 300, **edges("1min", 300, 360), last_ingest_time=at(299)),
        bar("A", (9.0,) * 4, 2.0, 9.0, 1, -0.000001, **edges("5min", -300, 0), last_ingest_time=at(5)),
        # (10 x 1 + 12 x 3 + 11 x 4 + 13 x 6) / 14 = 168 / 14
        bar(
            "A", (10.0, 13.0, 10.0, 13.0), 14.0, 12.0, 4, 299.999999, **edges("5min", 0, 300), last_ingest_time=at(300)
        ),
        bar("A", (14.0,) * 4, 8.0, 14.0, 1, 300, **edges("5min", 300, 600), last_ingest_time=at(299)),
        bar("B", (100.0,) * 4, 1.0, 100.0, 1, 0, **edges("1min", 0, 60), last_ingest_time=at(0)),
        bar("B", (100.0,) * 4, 1.0, 100.0, 1, 0, **edges("5min", 0, 300), last_ingest_time=at(0)),
    ]
    assert_bars(ticks_frame(spark, TRADES), expected, [BarWindow("1min", 60), BarWindow("5min", 300)])


def test_windows_begin_at_multiples_of_their_length_since_the_epoch(spark: SparkSession) -> None:
    # At 1,767,364,261 s: 4,208,010 x 420, 20,455 x 86,400, 2,922 x 604,800 (a Thursday), 160,669,478 x 11.
    starts = {"7min": (420, 1_767_364_200), "1d": (86_400, 1_767_312_000), "7d": (604_800, 1_767_225_600)}
    starts["11s"] = (11, 1_767_364_258)
    for name, (seconds, start) in starts.items():
        first = datetime.fromtimestamp(start, UTC)
        edges = {"window": name, "window_start": first, "window_end": first + timedelta(seconds=seconds)}
        expected = [bar("A", (1.0,) * 4, 1.0, 1.0, 1, 61, **edges)]
        assert_bars(ticks_frame(spark, [tick("A", 61, 1.0)]), expected, [BarWindow(name, seconds)])


def test_windows_of_one_nest_give_the_bars_that_each_gives_alone(spark: SparkSession) -> None:
    ticks = ticks_frame(
        spark,
        [tick(f"S{n % 3}", (n * 37) % 2000, 10 + (n * 7) % 13, 1 + n % 5, kafka_offset=n) for n in range(300)],
    ).cache()
    windows = [BarWindow(name, seconds) for name, seconds in (("20s", 20), ("1min", 60), ("5min", 300), ("15min", 900))]
    alone = [ticks.transform(to_bars, [window]) for window in windows]
    assert_df_equality(ticks.transform(to_bars, windows), reduce(DataFrame.unionByName, alone), ignore_row_order=True)


def test_no_ticks_give_no_bars_with_the_columns_of_a_bar(spark: SparkSession) -> None:
    bars = ticks_frame(spark, []).transform(to_bars, [BarWindow("1min", 60), BarWindow("1h", 3600)])
    assert bars.count() == 0
    assert [(field.name, field.dataType) for field in bars.schema] == [
        (field.name, field.dataType) for field in spark_schema(BAR)
    ]


def test_further_columns_and_their_order_do_not_matter(spark: SparkSession) -> None:
    ticks = ticks_frame(spark, [tick("A", 1, 5.0, 2.0)])
    shuffled = ticks.select(*reversed(ticks.columns), F.lit("x").alias("rank"), F.lit(1).alias("window"))
    assert_bars(shuffled, [bar("A", (5.0,) * 4, 2.0, 5.0, 1, 1)])


@pytest.mark.parametrize(
    ("windows", "reason"),
    [
        ([], "at least one window"),
        ([("2min", 120), ("5min", 300)], "2min does not divide 5min: give each group a call of its own"),
        ([("7s", 7), ("1min", 60), ("11s", 11), ("2min", 120)], "7s, 11s does not divide 2min"),
        ([("60s", 60), ("1min", 60)], "two of the windows 60s, 1min are equally long"),
        ([("1h", 3600), ("51d", 51 * 86_400)], "window 51d is longer than 50 days"),
    ],
)
def test_windows_that_make_no_nest_are_refused(
    spark: SparkSession, windows: list[tuple[str, int]], reason: str
) -> None:
    with pytest.raises(InvalidInputError, match=reason):
        to_bars(ticks_frame(spark, []), [BarWindow(name, seconds) for name, seconds in windows])
