"""Bars of sessions against plain ones: the same ticks, the same number of windows, turn by turn in one process.

python -m bench.session_bars --ticks 2000000 --rounds 5

All ticks are within sessions of New York, so that both make bars of all. The first run of each is not counted.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.config import SparkSettings
from mdstream.schemas.calendars import Calendar
from mdstream.streaming import build_session
from mdstream.transforms import to_bars

PAIRS = [
    (["30min"], ["30min@XNYS"]),
    (["1min", "30min", "2h"], ["1min@XNYS", "30min@XNYS", "1d@XNYS"]),
]
_SYMBOLS = 100
_DAYS = 250


def made_up_ticks(spark: SparkSession, count: int) -> DataFrame:
    """Ticks of a year's sessions, evenly in time."""
    spans = Calendar.of_exchange("XNYS").sessions()[-_DAYS - 500 : -500]
    opens = F.array(*(F.lit(start) for start, _ in spans))
    # Half days are the shortest.
    second = F.element_at(opens, (F.col("id") % len(spans) + 1).cast("int")) + F.pmod(F.hash("id"), F.lit(12_600))
    return spark.range(count).select(
        F.concat(F.lit("SYM"), F.col("id") % _SYMBOLS).alias("symbol"),
        F.timestamp_micros(second * 1_000_000 + F.pmod(F.xxhash64("id"), F.lit(1_000_000))).alias("event_time"),
        (F.pmod(F.hash("id"), F.lit(10_000)) / 100 + 50).alias("price"),
        (F.pmod(F.xxhash64("id"), F.lit(500)) + 1).cast("double").alias("size"),
        F.col("id").alias("sequence"),
    )


def seconds_of(ticks: DataFrame, windows: Sequence[str]) -> float:
    start = time.perf_counter()
    ticks.transform(to_bars, list(windows)).write.format("noop").mode("overwrite").save()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mdstream-bench-") as folder:
        spark = build_session(SparkSettings(master="local[2]"), jars=[])
        path = str(Path(folder) / "ticks.parquet")
        made_up_ticks(spark, options.ticks).write.parquet(path)
        measure(spark.read.parquet(path), options.rounds)
        spark.stop()


def measure(ticks: DataFrame, rounds: int) -> None:
    print("| windows | plain s | session s | ratio, median (of each round) |\n| --- | ---: | ---: | --- |")
    for plain, session in PAIRS:
        times = [(seconds_of(ticks, plain), seconds_of(ticks, session)) for _ in range(rounds + 1)][1:]
        ratios = sorted(ours / theirs for theirs, ours in times)
        medians = [statistics.median(column) for column in zip(*times, strict=True)]
        row = f"| {', '.join(session)} | {medians[0]:.1f} | {medians[1]:.1f} | {statistics.median(ratios):.2f}"
        print(f"{row} ({ratios[0]:.2f} to {ratios[-1]:.2f}) |", flush=True)


if __name__ == "__main__":
    main()
