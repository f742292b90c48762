"""As-of of trades with five times as many quotes: time and memory, growth, and one symbol that has most rows.

python -m bench.asof made-up --folder /tmp/asof --trades 10000000
python -m bench.asof run --folder /tmp/asof --trades 10000000 --engine mdstream

Each run is a process of its own on two cores, which reads parquet, matches each trade with the newest quote of its
symbol at or before it, and counts the matches and sums their bids, so that all engines can be seen to agree. Memory is
the highest resident size of the process and, for Spark, its Java. Polars and DuckDB are not among the project's
dependencies: run them with an interpreter that has them (`--engine polars`, `--engine duckdb`).
"""

from __future__ import annotations

import argparse
import importlib
import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

_SYMBOLS = 200
_DAY_MICROS = 23_400_000_000
_QUOTES_A_TRADE = 5
_BLOCK = 5_000_000
_SKEW = 0.6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["made-up", "run"])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--trades", type=int, default=1_000_000)
    parser.add_argument("--engine", choices=[*ENGINES], default="mdstream")
    parser.add_argument("--skewed", action="store_true", help="one symbol has 60 % of the rows")
    parser.add_argument("--bucket-seconds", type=int, help="see with_asof")
    parser.add_argument("--heap", default="8g", help="Java's")
    options = parser.parse_args()
    place = options.folder / f"{options.trades}{'_skewed' if options.skewed else ''}"
    if options.what == "made-up":
        make_up(place, options.trades, is_skewed=options.skewed)
        return
    highest = _Highest()
    start = time.perf_counter()
    matches, bids = ENGINES[options.engine](place, options)
    seconds, megabytes = time.perf_counter() - start, highest.stop()
    name = options.engine + (f", bucket {options.bucket_seconds} s" if options.bucket_seconds else "")
    spread = "60 % in one" if options.skewed else "even"
    print(f"| {name} | {options.trades:,} | {spread} | {seconds:.1f} | {megabytes:,.0f} | {matches:,} | {bids:.2f} |")


def make_up(place: Path, trades: int, *, is_skewed: bool) -> None:
    """Write trades and quotes of a session, a file each five million rows, in no order of symbols."""
    random = np.random.default_rng(trades)
    names = pa.array([f"SYM{number:03}" for number in range(_SYMBOLS)])
    for side, count in (("trades", trades), ("quotes", trades * _QUOTES_A_TRADE)):
        (place / side).mkdir(parents=True, exist_ok=True)
        for first in range(0, count, _BLOCK):
            rows = min(_BLOCK, count - first)
            symbol = random.integers(0, _SYMBOLS, rows)
            if is_skewed:
                symbol[random.random(rows) < _SKEW] = 0
            span = _DAY_MICROS * first // count, _DAY_MICROS * (first + rows) // count
            price = 100 + random.integers(0, 10_000, rows) / 100
            columns = {
                "symbol": names.take(pa.array(symbol)),
                "event_time": pa.array(np.sort(random.integers(*span, rows))).cast(pa.timestamp("us", "UTC")),
            }
            columns |= {"price": price, "size": 100.0 * random.integers(1, 10, rows)} if side == "trades" else {
                "bid": price,
                "ask": price + 0.01,
                "bid_size": 100.0 * random.integers(1, 10, rows),
                "ask_size": 100.0 * random.integers(1, 10, rows),
            }  # fmt: skip
            pq.write_table(pa.table(columns), place / side / f"{first // _BLOCK:03}.parquet")


def by_mdstream(place: Path, options: argparse.Namespace) -> tuple[int, float]:
    # Other interpreters, which run the other engines, have no Spark.
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    from mdstream.runtime import use_java
    from mdstream.transforms import with_asof

    use_java()
    settings = {
        "spark.driver.memory": options.heap,
        "spark.local.dir": str(options.folder),
        "spark.ui.enabled": "false",
    }
    spark = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    trades, quotes = (spark.read.parquet(str(place / side)) for side in ("trades", "quotes"))
    bucket = None if options.bucket_seconds is None else timedelta(seconds=options.bucket_seconds)
    met = trades.transform(with_asof, quotes, bucket=bucket)
    # All columns are needed by what comes after it, not the two that are looked at here.
    used = F.xxhash64("price", "size", "ask", "bid_size", "ask_size", "event_time_right").isNotNull()
    row = met.where(used).agg(F.count("bid").alias("matches"), F.sum("bid").alias("bids")).first()
    spark.stop()
    assert row is not None
    return int(row.matches), float(row.bids)


def by_polars(place: Path, _: argparse.Namespace) -> tuple[int, float]:
    pl = importlib.import_module("polars")
    trades, quotes = (pl.read_parquet(place / side / "*.parquet").sort("event_time") for side in ("trades", "quotes"))
    met = trades.join_asof(quotes, on="event_time", by="symbol", coalesce=False)
    return int(met["bid"].count()), float(met["bid"].sum())


def by_duckdb(place: Path, options: argparse.Namespace) -> tuple[int, float]:
    duckdb = importlib.import_module("duckdb")
    connection = duckdb.connect(config={"threads": 2, "temp_directory": str(options.folder)})
    for side in ("trades", "quotes"):
        connection.read_parquet(str(place / side / "*.parquet")).create_view(side)
    row = connection.execute(
        """
        create table met as
        select t.*, q.event_time as event_time_right, q.bid, q.ask, q.bid_size, q.ask_size
        from trades t asof left join quotes q on t.symbol = q.symbol and t.event_time >= q.event_time;
        select count(bid), sum(bid) from met
        """
    ).fetchone()
    return int(row[0]), float(row[1])


ENGINES: dict[str, Callable[[Path, argparse.Namespace], tuple[int, float]]] = {
    "mdstream": by_mdstream,
    "polars": by_polars,
    "duckdb": by_duckdb,
}


class _Highest:
    """The most memory that this process and those it has started have had at one time."""

    def __init__(self) -> None:
        self._process = psutil.Process(os.getpid())
        self._most = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            size = 0
            for process in (self._process, *self._process.children(recursive=True)):
                try:
                    size += process.memory_info().rss
                except psutil.Error:
                    continue
            self._most = max(self._most, size)

    def stop(self) -> float:
        """Return it in megabytes."""
        self._done.set()
        self._thread.join()
        return self._most / 1e6


if __name__ == "__main__":
    main()
