"""Indicators in the stream: time per micro-batch, split into state, indicators and sinks; latency from the tick on.

python -m bench.analytics batches --symbols 100 --symbols 500
python -m bench.analytics latency --rate 1000 --seconds 120 --symbols 100 --symbols 500

`batches`: every series (symbol x 3 windows) has `history_bars` bars in the database and gets a revision a round, one
round a batch. Such rounds go through the query three times: without indicators and sinks, without sinks, and whole.

`latency`: ticks at a steady rate through `mdstream run live_bars analytics`, all stores on but InfluxDB;
from each tick's `ingest_time` to the first row of indicators of its bar that holds it, in the topic
`technical_indicators` and in the database, for each of the 3 windows. The database is asked every 50 ms.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from queue import Queue

import numpy as np
import psutil
import pyarrow as pa
from confluent_kafka import Producer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.listener import (
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
    StreamingQueryProgress,
)

from bench.indicator_latency import TableWatch, TopicWatch, latencies
from bench.live_bars import Stage, cpu_seconds
from bench.watch import percentiles
from mdstream.config import Settings, SparkSettings, load_rules, load_settings
from mdstream.embedded import LocalServers
from mdstream.indicators import indicator_levels
from mdstream.runtime import use_java
from mdstream.runtime.jars import fetch_jars
from mdstream.schemas import ANOMALY, BAR
from mdstream.schemas.wire import encode_batch
from mdstream.stores import TimescaleSink, configured_sinks
from mdstream.stores.timescaledb import create_schema
from mdstream.stores.timescaledb.database_url import database_url
from mdstream.streaming import analyse_stream, build_session, read_topic, store_results
from mdstream.streaming.foreach_batch import Result
from mdstream.streaming.kafka import topic_of
from mdstream.transforms import findings_to_anomalies, with_bar_fields, with_findings

_MINUTE = 60_000_000
_WARM_UP_ROUNDS = 10
_WARM_UP_SECONDS = 180
_DEADLINE_SECONDS = 300
_SERIES_A_WRITE = 100


class Market:
    """Random bars of symbols and windows: a history, then rounds of one revision a series."""

    def __init__(self, symbols: int, windows: Sequence[tuple[str, int]], history_bars: int) -> None:
        self.series = [(f"SYM{number:04d}", name, seconds) for number in range(symbols) for name, seconds in windows]
        self._history_bars = history_bars
        self._now = time.time_ns() // 1000 // (15 * _MINUTE) * 15 * _MINUTE
        self._random = np.random.default_rng(1)

    def history(self) -> Iterator[pa.RecordBatch]:
        for symbol, window, seconds in self.series:
            starts = self._now + np.arange(-self._history_bars, 0) * seconds * 1_000_000
            yield self._bars([symbol] * len(starts), [window] * len(starts), starts, starts + seconds * 1_000_000, 1000)

    def round(self, number: int) -> pa.RecordBatch:
        symbols, windows, seconds = map(list, zip(*self.series, strict=True))
        starts = np.full(len(self.series), self._now)
        return self._bars(symbols, windows, starts, starts + np.array(seconds) * 1_000_000, number + 1)

    def _bars(
        self, symbols: list[str], windows: list[str], starts: np.ndarray, ends: np.ndarray, trade_count: int
    ) -> pa.RecordBatch:
        close = 100 * np.exp(self._random.normal(0, 0.001, len(symbols)))
        columns: dict[str, object] = {"symbol": symbols, "window": windows}
        columns |= dict.fromkeys(("window_start", "last_event_time"), starts) | {"window_end": ends}
        columns |= dict.fromkeys(("open", "high", "low", "close", "vwap"), close)
        columns |= {"volume": np.full(len(symbols), 100.0), "trade_count": np.full(len(symbols), trade_count)}
        columns["last_ingest_time"] = np.full(len(symbols), time.time_ns() // 1000)
        arrays = [pa.array(columns[field.name]).cast(field.type) for field in BAR.schema]
        return pa.RecordBatch.from_arrays(arrays, schema=BAR.schema)


def send(settings: Settings, bars: pa.RecordBatch) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka.bootstrap_servers, "linger.ms": 50})
    for symbol, value in zip(bars["symbol"].to_pylist(), encode_batch(bars), strict=True):
        producer.produce(topic_of(BAR), value, symbol)
    assert producer.flush(60) == 0


def own_cpu_seconds() -> float:
    """Return what this process and its children have used, the database aside."""
    own = psutil.Process()
    times = [each.cpu_times() for each in (own, *own.children(recursive=True)) if "postgres" not in each.name()]
    return float(sum(t.user + t.system for t in times))


@dataclass(frozen=True)
class Discard:
    """A sink that only takes."""

    def write(self, batch: pa.RecordBatch) -> None:
        assert batch.num_columns


def results_of(settings: Settings) -> list[Result]:
    """What the job `analytics` makes of analysed bars."""
    record = settings.indicator_record
    return [
        (lambda analysed: analysed.select(*record.schema.names), configured_sinks(settings, record)),
        (findings_to_anomalies, configured_sinks(settings, ANOMALY)),
    ]


def everything(analysed: DataFrame) -> DataFrame:
    return analysed


class Rounds(StreamingQueryListener):
    """Tells when the batches of a round have ended, at no cost to those under way."""

    def __init__(self) -> None:
        self._batches: Queue[StreamingQueryProgress | str] = Queue()
        """A text is why the query has failed."""

    # The names are Spark's.
    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802
        pass

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        if event.exception:
            self._batches.put(event.exception)

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        if event.progress.numInputRows:
            self._batches.put(event.progress)

    def await_end(self, rows: int) -> int:
        """Return the milliseconds of the batches that took the rows of a round: of one, or of some that shared them."""
        milliseconds = 0
        while rows > 0:
            batch = self._batches.get(timeout=_DEADLINE_SECONDS)
            assert not isinstance(batch, str), batch
            rows -= batch.numInputRows
            milliseconds += batch.durationMs["triggerExecution"]
        return milliseconds


def measure_rounds(
    spark: SparkSession, settings: Settings, name: str, results: Sequence[Result], rounds: range, *, market: Market
) -> None:
    """Print the time and CPU of a batch in which every series changes."""
    levels = indicator_levels(settings.indicators)
    rules = load_rules(settings) if settings.indicators else ()
    frame = (
        read_topic(spark, settings, BAR)
        .transform(with_bar_fields)
        .transform(analyse_stream, settings)
        .transform(with_findings, rules, levels)
    )
    watch = Rounds()
    spark.streams.addListener(watch)
    query = store_results(frame, results, settings, f"bench_{rounds[0]}").query
    whole: list[int] = []
    try:
        # A query without a checkpoint begins with the rounds of those before it.
        send(settings, market.round(rounds[0]))
        first = watch.await_end(len(market.series) * (rounds[0] + 1))
        used = 0.0
        for number in rounds[1:]:
            if number == rounds[_WARM_UP_ROUNDS]:
                used, whole = own_cpu_seconds(), []
            send(settings, market.round(number))
            whole.append(watch.await_end(len(market.series)))
        cpu = (own_cpu_seconds() - used) / len(whole)
    finally:
        query.stop()
        spark.streams.removeListener(watch)
    if not rounds[0]:
        print(f"the first batch, which reads all histories from the database, takes {first:,.0f} ms\n")
        print("| series | what | p50 ms | p95 | max | CPU ms a batch |\n| ---: | --- | ---: | ---: | ---: | ---: |")
    p50, p95 = np.percentile(whole, (50, 95))
    print(
        f"| {len(market.series):,} | {name} | {p50:,.0f} | {p95:,.0f} | {max(whole):,.0f} | {1000 * cpu:,.0f} |",
        flush=True,
    )


def measure_batches(servers: LocalServers, symbols: int, rounds: int, folder: Path) -> None:
    environment = {**os.environ, **servers.environment()}
    subprocess.run([sys.executable, "-m", "mdstream", "topics", "create"], env=environment, check=True)
    settings = servers.settings(Settings(spark=SparkSettings(checkpoint_location=str(folder))))
    create_schema(settings.stores.timescaledb, settings.table_records)
    windows = [(window.name, window.seconds) for window in settings.windows]
    market = Market(symbols, windows, settings.history_bars)
    sink = TimescaleSink(settings.stores.timescaledb, BAR)
    history = market.history()
    while bars := list(islice(history, _SERIES_A_WRITE)):
        sink.write(pa.concat_batches(bars))
    spark = build_session(settings.spark, "bench", fetch_jars(settings.spark.packages, use_java()))
    spark.sparkContext.setLogLevel("ERROR")
    without = settings.model_copy(update={"technical_indicators": {}})
    discarded: list[Result] = [(everything, [Discard()])]
    measure = partial(measure_rounds, spark, market=market)
    measure(without, "state", discarded, range(rounds))
    measure(settings, "state and indicators", discarded, range(rounds, 2 * rounds))
    measure(settings, "whole", results_of(settings), range(2 * rounds, 3 * rounds))
    spark.stop()


def measure_latency(servers: LocalServers, symbols: int, rates: Sequence[float], seconds: float, folder: Path) -> None:
    """Print the latencies of indicators behind a warm-up of the whole pipeline."""
    stage = Stage(servers, [window.name for window in load_settings().windows], {}, folder)
    database = servers.settings(Settings()).stores.timescaledb
    create_schema(database, Settings().table_records)
    results = str(Settings().indicator_record.topic)
    print("| symbols | ticks/s | where | p50 / p95 / p99 / p99.9 / max ms | ticks x windows seen | cores |")
    print("| ---: | ---: | --- | --- | ---: | ---: |")
    of_symbols = ("--symbols", str(symbols))
    with stage.running("mdstream", "run", "live_bars", "analytics") as process:
        stage.load("--rate", "2000", "--seconds", str(_WARM_UP_SECONDS), *of_symbols)
        stage.wait_until_idle(results)
        for rate in rates:
            ingested = TopicWatch(stage.servers, topic_of(BAR), lambda row, _: row["last_ingest_time"])
            watches: dict[str, TopicWatch | TableWatch] = {
                "Kafka": TopicWatch(stage.servers, results, lambda _, now: now),
                "database": TableWatch(database_url(database)),
            }
            before = cpu_seconds(process)
            stage.load("--rate", str(rate), "--seconds", str(seconds), *of_symbols)
            cores = (cpu_seconds(process) - before) / seconds
            stage.wait_until_idle(results)
            bars = ingested.stop()
            sent = sum(map(len, bars.values()))
            for where, watch in watches.items():
                found = latencies(bars, watch.stop())
                seen = f"{len(found):,} of {sent:,}"
                print(f"| {symbols} | {rate:g} | {where} | {percentiles(found)} | {seen} | {cores:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["batches", "latency"])
    parser.add_argument("--symbols", type=int, action="append", help="how many, 100 and 500 unless told")
    parser.add_argument("--rounds", type=int, default=40, help="batches: of each kind")
    parser.add_argument("--rate", type=float, action="append", help="latency: ticks a second")
    parser.add_argument("--seconds", type=float, default=120, help="latency: at each rate")
    options = parser.parse_args()
    for symbols in options.symbols or [100, 500]:
        with LocalServers() as servers, tempfile.TemporaryDirectory(prefix="mdstream-bench-") as folder:
            if options.what == "batches":
                measure_batches(servers, symbols, options.rounds, Path(folder))
            else:
                measure_latency(servers, symbols, options.rate or [1000], options.seconds, Path(folder))


if __name__ == "__main__":
    main()
