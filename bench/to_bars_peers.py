"""`to_bars` on stored ticks beside the same in Polars and in DuckDB: turn by turn, on one machine, from one file.

pip install polars duckdb
python -m bench.to_bars_peers --ticks 10000000 --rounds 3

Polars and DuckDB are not among the project's dependencies. All read the same Parquet files and make the same bars:
open and close by (event_time, sequence), high, low, volume, VWAP and count, of each symbol and minute, and then of
three windows. Spark throws the bars away, DuckDB adds them up, Polars keeps them. A first round is not counted: it sees
that all make the same bars. Polars and DuckDB sum doubles as they come; `to_bars` sums exactly, and refuses what is no
trade.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.config import SparkSettings
from mdstream.streaming import build_session
from mdstream.transforms import to_bars

WINDOWS = (("1min",), ("1min", "5min", "15min"))
MINUTES = {"1min": 1, "5min": 5, "15min": 15}
CORES = 2
_SYMBOLS = 500
_OPEN = 1_767_364_200
_SECONDS = 6 * 3_600 + 1_800
_FILES = 4

SUMMED = ("open", "high", "low", "close", "vwap", "volume", "trade_count")

Summary = tuple[float, ...]
"""How many bars, and the sum of each column in `SUMMED`: what engines that make the same bars agree in."""


def made_up_ticks(spark: SparkSession, count: int) -> DataFrame:
    """A session's ticks, in the order in which they happened."""
    micros = F.lit(_OPEN * 1_000_000) + F.floor(F.col("id") * (_SECONDS * 1_000_000 / count))
    return spark.range(0, count, 1, _FILES).select(
        F.concat(F.lit("SYM"), F.pmod(F.xxhash64("id"), F.lit(_SYMBOLS))).alias("symbol"),
        F.timestamp_micros(micros.cast("bigint")).alias("event_time"),
        (F.pmod(F.hash("id"), F.lit(10_000)) / 100 + 50).alias("price"),
        (F.pmod(F.xxhash64("id"), F.lit(499)) + 1).cast("double").alias("size"),
        F.col("id").alias("sequence"),
    )


def of_polars(path: str, windows: Sequence[str]) -> Summary:
    pl: Any = importlib.import_module("polars")
    trades = pl.scan_parquet(f"{path}/*.parquet")
    order = ("event_time", "sequence")
    price, size = pl.col("price"), pl.col("size")
    bars = [
        trades.group_by("symbol", pl.col("event_time").dt.truncate(f"{MINUTES[window]}m").alias("window_start")).agg(
            price.sort_by(order).first().alias("open"),
            price.max().alias("high"),
            price.min().alias("low"),
            price.sort_by(order).last().alias("close"),
            size.sum().alias("volume"),
            ((price * size).sum() / size.sum()).alias("vwap"),
            pl.len().alias("trade_count"),
            pl.col("event_time").max().alias("last_event_time"),
        )
        for window in windows
    ]
    found = pl.concat(bars).collect(engine="streaming")
    return found.height, *(found[name].sum() for name in SUMMED)


def of_duckdb(path: str, windows: Sequence[str]) -> Summary:
    one = """SELECT symbol, epoch_us(event_time) // {micros} AS window_number,
      arg_min(price, (epoch_us(event_time)::HUGEINT << 40) + sequence) AS open, max(price) AS high, min(price) AS low,
      arg_max(price, (epoch_us(event_time)::HUGEINT << 40) + sequence) AS close, sum(size) AS volume,
      sum(price * size) / sum(size) AS vwap, count(*) AS trade_count, max(event_time) AS last_event_time
      FROM read_parquet('{path}/*.parquet') GROUP BY ALL"""
    bars = " UNION ALL ".join(one.format(micros=MINUTES[window] * 60_000_000, path=path) for window in windows)
    # Every column has to be there, or DuckDB would leave out what nobody asks for.
    asked = ", ".join(("count(*)", *(f"sum({name})" for name in SUMMED), "max(last_event_time), max(window_number)"))
    duckdb: Any = importlib.import_module("duckdb")
    with duckdb.connect(config={"threads": CORES}) as database:
        row = database.execute(f"SELECT {asked} FROM ({bars})").fetchone()  # noqa: S608
    assert row is not None
    return tuple(map(float, row[: 1 + len(SUMMED)]))


def of_spark(spark: SparkSession, path: str, windows: Sequence[str]) -> None:
    spark.read.parquet(path).transform(to_bars, list(windows)).write.format("noop").mode("overwrite").save()


def summary_of_spark(spark: SparkSession, path: str, windows: Sequence[str]) -> Summary:
    bars = spark.read.parquet(path).transform(to_bars, list(windows))
    return tuple(bars.select(F.count("*"), *map(F.sum, SUMMED)).collect()[0])


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def check(ours: Summary, others: Mapping[str, Summary]) -> None:
    for name, theirs in others.items():
        alike = all(abs(mine - other) <= 1e-9 * abs(other) for mine, other in zip(ours, theirs, strict=True))
        assert alike, f"{name} makes other bars: {theirs}, to_bars {ours}"


def measure(spark: SparkSession, path: str, rounds: int) -> None:
    print("| windows | bars | to_bars s | Polars s | DuckDB s | to_bars / Polars | to_bars / DuckDB |")
    print("| --- | ---: | ---: | ---: | ---: | --- | --- |")
    for windows in WINDOWS:
        ours = summary_of_spark(spark, path, windows)
        check(ours, {"Polars": of_polars(path, windows), "DuckDB": of_duckdb(path, windows)})
        runs = (
            partial(of_spark, spark, path, windows),
            partial(of_polars, path, windows),
            partial(of_duckdb, path, windows),
        )
        times = [[seconds_of(run) for run in runs] for _ in range(rounds)]
        medians = [statistics.median(column) for column in zip(*times, strict=True)]
        cells = [f"{seconds:.1f}" for seconds in medians]
        for peer in (1, 2):
            ratios = sorted(each[0] / each[peer] for each in times)
            cells.append(f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})")
        print(f"| {', '.join(windows)} | {ours[0]:,} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mdstream-bench-") as folder:
        spark = build_session(SparkSettings(master=f"local[{CORES}]"), jars=[])
        path = str(Path(folder) / "ticks")
        made_up_ticks(spark, options.ticks).write.parquet(path)
        measure(spark, path, options.rounds)
        spark.stop()


if __name__ == "__main__":
    main()
