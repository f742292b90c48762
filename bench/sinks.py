"""Rows a second that each sink stores, beside a plain client of the same server in the same run.

    python -m bench.sinks [--rows 200000] [--batch-rows 10000] [--rounds 5]

Starts real local servers, InfluxDB where `ci/influxd/build.sh` has built it, and prints a table in Markdown. Rounds of
sink and baseline alternate, so that what else the machine does meets both; figures are medians over the rounds. Every
round stores rows that were not there before.
The text of COPY, the JSON and the lines are made within the time of the baselines too, by the same code.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import httpx
import kafka
import numpy as np
import psycopg2
import pyarrow as pa
import redis
from confluent_kafka import Producer
from kafka.admin import NewTopic

from mdstream.config import InfluxSettings, KafkaSettings
from mdstream.embedded import LocalKafka, LocalPostgres, LocalRedis
from mdstream.schemas import BAR, STORED_TICK, TICK, Record
from mdstream.schemas.wire import encode_batch
from mdstream.stores import InfluxSink, KafkaSink, MemorySink, RedisSink, TimescaleSink
from mdstream.stores.influxdb.line_protocol import lines
from mdstream.stores.timescaledb import create_schema
from mdstream.stores.timescaledb.copying import copy_text
from tests.servers.influxd import LocalInfluxDB, influxd, reason_without

START_MICROS = 1_715_002_200_000_000
SYMBOLS = 100

Write = Callable[[pa.RecordBatch], None]
MakeRows = Callable[[int, int], pa.RecordBatch]


@dataclass(frozen=True)
class Case:
    """A sink, what it is given, and the plain client it is compared with."""

    name: str
    rows: MakeRows
    write: Write
    baseline_name: str
    baseline: Write | None


def ticks(first: int, count: int, symbols: int = SYMBOLS) -> pa.RecordBatch:
    """Ticks `first` to `first` + `count`, a millisecond apart, with the optional fields filled in."""
    numbers = np.arange(first, first + count)
    random = np.random.default_rng(first)
    names = pa.array([f"S{number:05}" for number in range(symbols)])
    time = pa.array(START_MICROS + numbers * 1000)
    columns = {
        "symbol": names.take(pa.array(numbers % symbols)),
        "price": pa.array(np.round(100 + random.normal(0, 1, count), 2)),
        "size": pa.array(random.integers(1, 500, count).astype(float)),
        "event_time": time.cast(STORED_TICK.schema.field("event_time").type),
        "ingest_time": time.cast(STORED_TICK.schema.field("ingest_time").type),
        "source": pa.repeat("bench", count),
        "exchange": pa.array(["Q", "P", "N", "Z"]).take(pa.array(numbers % 4)),
        "trade_id": pa.array(numbers).cast(pa.string()),
        "sequence": pa.array(numbers),
        "conditions": pa.array([["@", "F"], ["@"], []], pa.list_(pa.string())).take(pa.array(numbers % 3)),
        "kafka_partition": pa.array(numbers % 2, pa.int32()),
        "kafka_offset": pa.array(numbers),
    }
    return pa.RecordBatch.from_pydict(columns, schema=STORED_TICK.schema)


def bars(first: int, count: int) -> pa.RecordBatch:
    """Bars, each in two revisions one after the other."""
    numbers = np.arange(first, first + count)
    minutes = numbers // (2 * SYMBOLS)
    time = BAR.schema.field("window_start").type
    start = pa.array(START_MICROS + minutes * 60_000_000).cast(time)
    names = pa.array([f"S{number:05}" for number in range(SYMBOLS)])
    price = pa.array(100 + (numbers % 700) / 100)
    columns = dict.fromkeys(("open", "high", "low", "close", "volume", "vwap"), price) | {
        "symbol": names.take(pa.array(numbers % SYMBOLS)),
        "window": pa.repeat("1min", count),
        "window_start": start,
        "window_end": pa.array(START_MICROS + (minutes + 1) * 60_000_000).cast(time),
        "trade_count": pa.array(1 + numbers // SYMBOLS % 2),
        "last_event_time": start,
        "last_ingest_time": start,
    }
    return pa.RecordBatch.from_pydict(columns, schema=BAR.schema)


def plain_copy(server: LocalPostgres, record: Record) -> Write:
    """COPY into a table that is neither logged nor indexed, in one transaction a batch."""
    at = server.settings
    password = at.password.get_secret_value()
    connection = psycopg2.connect(host=at.host, port=at.port, dbname=at.database, user=at.user, password=password)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE UNLOGGED TABLE plain_{record.table} (LIKE {record.table})")

    def write(batch: pa.RecordBatch) -> None:
        with connection, connection.cursor() as cursor:
            cursor.copy_expert(f"COPY plain_{record.table} FROM STDIN (FORMAT csv)", io.BytesIO(copy_text(batch)))

    return write


def plain_set(server: LocalRedis, ttl_seconds: int) -> Write:
    """One pipeline a batch with a SET for every row."""
    client = redis.Redis(port=server.port)

    def write(batch: pa.RecordBatch) -> None:
        with client.pipeline(transaction=False) as pipeline:
            for symbol, value in zip(batch.column("symbol").to_pylist(), encode_batch(batch), strict=True):
                pipeline.set(f"plain:{symbol}", value, ex=ttl_seconds)
            pipeline.execute()

    return write


def plain_produce(settings: KafkaSettings, topic: str) -> Write:
    """A producer with the same guarantees and no look at what becomes of each record."""
    producer = Producer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "enable.idempotence": True,
            "linger.ms": settings.linger_ms,
            "batch.size": settings.batch_size,
            "compression.type": settings.compression,
        }
    )

    def write(batch: pa.RecordBatch) -> None:
        for symbol, value in zip(batch.column("symbol").to_pylist(), encode_batch(batch), strict=True):
            producer.produce(topic, value, symbol)
        producer.flush()

    return write


def plain_post(settings: InfluxSettings, record: Record) -> Write:
    """One request a batch, of a client that asks for nothing before."""
    client = httpx.Client(
        base_url=settings.url,
        headers={"Authorization": f"Token {settings.token.get_secret_value()}"},
        params={"org": settings.organisation, "bucket": settings.bucket},
        timeout=settings.timeout_seconds,
    )
    plain = replace(record, measurement=f"plain_{record.measurement}")

    def write(batch: pa.RecordBatch) -> None:
        client.post("/api/v2/write", content="\n".join(lines(batch, plain))).raise_for_status()

    return write


def cases_of_influxdb(server: LocalInfluxDB) -> list[Case]:
    """The sinks that write to a bucket."""
    server.set_up()
    at = server.settings
    post = "HTTP, a request a batch"
    return [
        Case(f"InfluxSink, {name}", rows, InfluxSink(at, record).write, post, plain_post(at, record))
        for name, rows, record in (("ticks", ticks, STORED_TICK), ("bars", bars, BAR))
    ]


def cases(broker: LocalKafka, database: LocalPostgres, cache: LocalRedis) -> list[Case]:
    """Every sink with the servers it writes to."""
    create_schema(database.settings, [STORED_TICK, BAR])
    at = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
    with kafka.KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers) as admin:
        admin.create_topics([NewTopic(name, 2, 1) for name in ("sink", "plain")])
    topic_sink = KafkaSink(at, replace(TICK, topic="sink"))
    prices = RedisSink(cache.settings, STORED_TICK)
    copy = "COPY, unlogged heap"
    sets = "pipeline of SET"
    return [
        Case(
            "TimescaleSink, ticks",
            ticks,
            TimescaleSink(database.settings, STORED_TICK).write,
            copy,
            plain_copy(database, STORED_TICK),
        ),
        Case("TimescaleSink, bars", bars, TimescaleSink(database.settings, BAR).write, copy, plain_copy(database, BAR)),
        Case(f"RedisSink, ticks of {SYMBOLS} symbols", ticks, prices.write, sets, plain_set(cache, 60)),
        Case(
            "RedisSink, ticks, a symbol a row",
            lambda first, count: ticks(first, count, symbols=100_000),
            prices.write,
            sets,
            plain_set(cache, 60),
        ),
        Case(
            f"RedisSink, bars of {SYMBOLS} symbols",
            bars,
            RedisSink(cache.settings, BAR).write,
            sets,
            plain_set(cache, 300),
        ),
        Case(
            "KafkaSink, ticks",
            lambda first, count: ticks(first, count).select(TICK.schema.names),
            topic_sink.write,
            "confluent-kafka",
            plain_produce(at, "plain"),
        ),
        Case("MemorySink, ticks", ticks, MemorySink("bench").write, "", None),
    ]


def rate(write: Write, batches: Sequence[pa.RecordBatch]) -> float:
    """Rows a second."""
    began = time.perf_counter()
    for batch in batches:
        write(batch)
    seconds = time.perf_counter() - began
    return float(sum(batch.num_rows for batch in batches) / seconds)


def measure(case: Case, rows: int, batch_rows: int, rounds: int) -> str:
    """Run a case and return its line of the table; the first round only warms up."""
    found: list[tuple[float, float]] = []
    for number in range(rounds + 1):
        starts = range(number * rows, (number + 1) * rows, batch_rows)
        batches = [case.rows(start, batch_rows) for start in starts]
        plain = rate(case.baseline, batches) if case.baseline else float("nan")
        found.append((rate(case.write, batches), plain))
    ours = statistics.median(sink for sink, _ in found[1:])
    if case.baseline is None:
        return f"| {case.name} | {ours:,.0f} | | | |"
    plain = statistics.median(baseline for _, baseline in found[1:])
    ratio = statistics.median(sink / baseline for sink, baseline in found[1:])
    return f"| {case.name} | {ours:,.0f} | {case.baseline_name} | {plain:,.0f} | {ratio:.2f} |"


def main() -> None:
    """Start the servers, run all cases, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="rows a round")
    parser.add_argument("--batch-rows", type=int, default=10_000, help="rows a write; Spark hands over 10,000")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count")
    options = parser.parse_args()
    print("| sink | rows/s | baseline | rows/s | ratio |")
    print("| --- | ---: | --- | ---: | ---: |")
    with ExitStack() as servers:
        start = servers.enter_context
        found = cases(start(LocalKafka()), start(LocalPostgres()), start(LocalRedis()))
        if program := influxd():
            found += cases_of_influxdb(start(LocalInfluxDB(program)))
        else:
            print(reason_without(), file=sys.stderr)
        for case in found:
            print(measure(case, options.rows, options.batch_rows, options.rounds), flush=True)


if __name__ == "__main__":
    main()
