"""The job archive as a process that is killed on the way: every tick once, every bar in its newest revision."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka import Producer

from mdstream.config import LakeSettings
from mdstream.embedded import LocalKafka
from mdstream.schemas import BAR, STORED_TICK, TICK, Record
from mdstream.schemas.wire import encode_batch
from mdstream.stores.lake import open_table
from tests.unit.stores.lake.appending import stored
from tests.unit.stores.rows import START, bar, tick
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]

_MDSTREAM = (sys.executable, "-m", "mdstream")
_ROOM_FOR_CODE = "-XX:ReservedCodeCacheSize=240m"
"""Delta Lake on Spark is more than quick compiling has room for."""
_TICKS = 2_000
_BARS = 40
_REVISIONS = 50
_A_BATCH = 500
_SECONDS = 400
_TICK_COLUMNS = ["kafka_partition", "kafka_offset", "symbol", "event_time", "price", "date"]
Archive = Callable[[], "subprocess.Popen[bytes]"]
_BAR_COLUMNS = ["symbol", "window_start", "trade_count", "close", "date"]


@pytest.fixture
def environment(kafka_server: LocalKafka, tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "MDSTREAM_KAFKA__BOOTSTRAP_SERVERS": kafka_server.bootstrap_servers,
        "MDSTREAM_STORES__TIMESCALEDB__ENABLED": "false",
        "MDSTREAM_STORES__LAKE__ENABLED": "true",
        "MDSTREAM_STORES__LAKE__PATH": str(tmp_path / "lake"),
        # Many small writes, one of which the kill interrupts.
        "MDSTREAM_STORES__LAKE__TRIGGER": "0 seconds",
        "MDSTREAM_STORES__LAKE__MAX_OFFSETS_PER_TRIGGER": str(_A_BATCH),
        "MDSTREAM_SPARK__MASTER": "local[2]",
        "MDSTREAM_SPARK__CHECKPOINT_LOCATION": str(tmp_path / "checkpoints"),
        "SPARK_SUBMIT_OPTS": f"{os.environ['SPARK_SUBMIT_OPTS']} -Djava.io.tmpdir={tmp_path} {_ROOM_FOR_CODE}",
    }


@pytest.fixture
def archive(environment: dict[str, str]) -> Iterator[Archive]:
    """Starts the job; none outlives the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([*_MDSTREAM, "run", "archive"], env=environment))
        return started[-1]

    yield start
    for job in started:
        job.kill()
        job.wait(60)


def mdstream(environment: dict[str, str], *arguments: str) -> str:
    command = [*_MDSTREAM, *arguments]
    return subprocess.run(command, env=environment, check=True, timeout=_SECONDS, capture_output=True, text=True).stdout


def produce(broker: str, topic: str, values: list[bytes]) -> list[tuple[int, int]]:
    """Put values into both partitions of a topic by turns, and return partition and offset of each."""
    producer = Producer({"bootstrap.servers": broker})
    for number, value in enumerate(values):
        producer.produce(topic, value, partition=number % 2)
    assert producer.flush(60) == 0
    return [(number % 2, number // 2) for number in range(len(values))]


def made_ticks() -> list[bytes | dict[str, Any]]:
    """Ticks of three days, half of them equal to another, and some that are none."""
    rows: list[bytes | dict[str, Any]] = []
    for number in range(_TICKS):
        when = START + timedelta(minutes=number // 2)
        rows.append(b"no tick" if number % 50 == 49 else tick("AAPL", when, price=100.0 + number // 2))
    return rows


def encoded(record: Record, rows: list[dict[str, Any]]) -> list[bytes]:
    return encode_batch(pa.RecordBatch.from_pylist(rows, schema=record.schema))


def test_a_kill_in_the_middle_leaves_every_tick_once_and_every_bar_as_it_is_last(
    kafka_server: LocalKafka, environment: dict[str, str], archive: Archive, tmp_path: Path
) -> None:
    broker = kafka_server.bootstrap_servers
    lake = LakeSettings(path=str(tmp_path / "lake"))
    mdstream(environment, "topics", "create")
    assert "create Delta table" in mdstream(environment, "maintain")

    def reaches(job: subprocess.Popen[bytes], record: Record, rows: int) -> None:
        def is_there() -> bool:
            assert job.poll() is None, f"the job ended with {job.returncode}"
            return open_table(lake, record).count() >= rows

        until(is_there, _SECONDS)

    # The job starts on empty topics.
    job = archive()
    made = made_ticks()
    values = [row if isinstance(row, bytes) else encoded(TICK, [row])[0] for row in made]
    places = produce(broker, "tick_data", values)
    ticks = sorted(
        (*place, row["symbol"], row["event_time"], row["price"], row["event_time"].date())
        for place, row in zip(places, made, strict=True)
        if not isinstance(row, bytes)
    )
    revisions = [
        bar(minute=60 * minute, trade_count=count, close=float(100 * minute + count))
        for minute in range(_BARS)
        for count in range(1, _REVISIONS + 1)
    ]
    random.Random(8).shuffle(revisions)
    produce(broker, "aggregated_data", encoded(BAR, revisions))
    reaches(job, STORED_TICK, _TICKS // 4)
    reaches(job, BAR, 1)
    job.send_signal(signal.SIGKILL)
    job.wait(60)
    assert open_table(lake, STORED_TICK).count() < len(ticks)

    job = archive()
    reaches(job, STORED_TICK, len(ticks))
    newest = expected_bars(_REVISIONS)
    until(lambda: stored(lake, BAR, _BAR_COLUMNS) == newest, _SECONDS)
    assert stored(lake, STORED_TICK, _TICK_COLUMNS) == ticks

    # Upkeep while the job runs, which then goes on in the files that it left.
    done = mdstream(environment, "maintain")
    assert "compact" in done
    assert stored(lake, STORED_TICK, _TICK_COLUMNS) == ticks
    assert stored(lake, BAR, _BAR_COLUMNS) == newest
    last = [
        row | {"trade_count": 1_000, "close": row["close"] + 1_000 - _REVISIONS}
        for row in revisions
        if row["trade_count"] == _REVISIONS
    ]
    produce(broker, "aggregated_data", encoded(BAR, last))
    until(lambda: stored(lake, BAR, _BAR_COLUMNS) == expected_bars(1_000), _SECONDS)
    job.send_signal(signal.SIGTERM)
    assert job.wait(60) == 0


def expected_bars(count: int) -> list[tuple[Any, ...]]:
    starts = [START + timedelta(hours=hour) for hour in range(_BARS)]
    return [("AAPL", start, count, float(100 * hour + count), start.date()) for hour, start in enumerate(starts)]
