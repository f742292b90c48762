"""Ticks a second from Kafka into the database by `mdstream run store_ticks`, beside a plain loop in the same run.

python -m bench.store_ticks --ticks 1000000
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import orjson
import psutil
import psycopg2
import pyarrow as pa
from confluent_kafka import Consumer
from psycopg2.extensions import connection as Connection

from bench.live_bars import cpu_seconds
from mdstream.config import TimescaleSettings
from mdstream.embedded import LocalServers
from mdstream.schemas import STORED_TICK, TICK
from mdstream.stores.timescaledb.copying import copy_text
from mdstream.streaming.kafka import topic_of

_PLAIN_TABLE = "plain_ticks"
_CHUNK = 10_000


def connect(settings: TimescaleSettings) -> Connection:
    opened = psycopg2.connect(
        host=settings.host,
        port=settings.port,
        dbname=settings.database,
        user=settings.user,
        password=settings.password.get_secret_value(),
    )
    opened.autocommit = True
    return opened


def rows_in(database: Connection, table: str) -> int:
    with database.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
        found = cursor.fetchone()
    return int(found[0]) if found else 0


def plain_loop(servers: str, database: Connection, ticks: int) -> float:
    """Consume, decode and COPY into an unlogged heap, without any check; return the ticks a second."""
    with database.cursor() as cursor:
        cursor.execute(f"CREATE UNLOGGED TABLE {_PLAIN_TABLE} (LIKE {STORED_TICK.table})")
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "plain-store", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic_of(TICK)])
    stored, started = 0, None
    while stored < ticks:
        messages = consumer.consume(_CHUNK, 1)
        if not messages:
            continue
        started = started or time.perf_counter()
        rows = [
            orjson.loads(m.value() or b"{}") | {"kafka_partition": m.partition(), "kafka_offset": m.offset()}
            for m in messages
        ]
        write_plainly(database, pa.RecordBatch.from_pylist(rows, STORED_TICK.schema))
        stored += len(messages)
    consumer.close()
    return stored / (time.perf_counter() - (started or 0))


def write_plainly(database: Connection, rows: pa.RecordBatch) -> None:
    with database.cursor() as cursor:
        columns = ", ".join(rows.schema.names)
        cursor.copy_expert(f"COPY {_PLAIN_TABLE} ({columns}) FROM STDIN (FORMAT csv)", io.BytesIO(copy_text(rows)))


def job(count: Callable[[], int], process: psutil.Process, ticks: int) -> tuple[float, float, float]:
    """Return ticks a second over all rows and over the second half, and the cores used in it."""
    marks: list[tuple[float, float, int]] = []
    while not marks or marks[-1][2] < ticks:
        stored = count()
        if stored:
            marks.append((time.perf_counter(), cpu_seconds(process), stored))
        time.sleep(0.5)
    first, last = marks[0], marks[-1]
    middle = next(mark for mark in marks if mark[2] >= ticks / 2)
    seconds = last[0] - middle[0]
    return (last[2] - first[2]) / (last[0] - first[0]), (last[2] - middle[2]) / seconds, (last[1] - middle[1]) / seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ticks", type=int, default=1_000_000)
    ticks = parser.parse_args().ticks
    with LocalServers() as servers, tempfile.TemporaryDirectory(prefix="mdstream-bench-") as folder:
        environment = {**os.environ, **servers.environment(), "MDSTREAM_SPARK__CHECKPOINT_LOCATION": folder}
        for command in (("topics", "create"), ("maintain",)):
            subprocess.run([sys.executable, "-m", "mdstream", *command], env=environment, check=True)
        broker = servers.kafka.bootstrap_servers
        load = ["bench.ticks", broker, topic_of(TICK), "--count", str(ticks)]
        subprocess.run([sys.executable, "-m", *load], check=True)
        database = connect(servers.postgres.settings)
        run = subprocess.Popen([sys.executable, "-m", "mdstream", "run", "store_ticks"], env=environment)
        try:
            table = str(STORED_TICK.table)
            whole, warm, cores = job(lambda: rows_in(database, table), psutil.Process(run.pid), ticks)
        finally:
            run.terminate()
            run.wait(60)
        print("| what | ticks/s, whole | ticks/s, second half | cores |\n| --- | --- | --- | --- |")
        print(f"| mdstream store_ticks | {whole:,.0f} | {warm:,.0f} | {cores:.2f} |")
        print(f"| plain loop | {plain_loop(broker, database, ticks):,.0f} | | |")


if __name__ == "__main__":
    main()
