"""Measures the demo from outside: what is in Kafka and in the database, and how long a tick takes to its bars."""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import psycopg2
from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from mdstream.config import Settings, TimescaleSettings
from mdstream.local.demo.progress import records_behind
from mdstream.schemas import BAR, DEAD_LETTER, STORED_TICK, TICK, Record

_ANSWER_SECONDS = 10.0
_SAMPLES_KEPT = 200_000
_SAMPLES_A_SECOND = 5_000
_RECENT_SECONDS = 10.0

_ROWS = """
SELECT coalesce(sum(n_tup_ins - n_tup_del), 0)
FROM pg_stat_user_tables JOIN pg_inherits ON relid = inhrelid WHERE inhparent = %s::regclass
"""


@dataclass(frozen=True)
class Latency:
    """Time from a tick's arrival in the feed to the bar that holds it, at a Kafka consumer.

    Attributes:
        bars: How many bars it was measured on.
        p50: Median, ms.
        p95: 95th percentile, ms.
        p99: 99th percentile, ms.
    """

    bars: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Snapshot:
    """What there is at one moment.

    Attributes:
        time: Monotonic time it was taken, in seconds.
        ticks: Ticks in Kafka.
        bars: Bar revisions in Kafka.
        dead_letters: Refused inputs in Kafka.
        stored_ticks: Rows of ticks in the database, by its own statistics, which are a second behind.
        stored_bars: Likewise of bars.
        ticks_behind: Ticks that are not yet in the database.
        bars_behind: Bar revisions that are not yet in the database.
        latency: Over the last ten seconds; None if there was no bar.
    """

    time: float
    ticks: int
    bars: int
    dead_letters: int
    stored_ticks: int
    stored_bars: int
    ticks_behind: int
    bars_behind: int
    latency: Latency | None


class LatencySampler:
    """Reads bars as they come and measures their age.

    It measures each bar as long as they are few. When they are many it measures some of every second: if it fell
    behind, it would measure itself.
    """

    def __init__(self, settings: Settings) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=_SAMPLES_KEPT)
        self._first_bar: float | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._consumer = _consumer(settings)
        self._newest = _partitions_of(self._consumer, BAR)
        self._consumer.assign(self._newest)
        self._thread = threading.Thread(target=self._measure, name="latency sampler", daemon=True)
        self._thread.start()

    @property
    def first_bar(self) -> float | None:
        """Monotonic time at which the first bar came; None before."""
        return self._first_bar

    def of_bars_since(self, begin: float) -> Latency | None:
        """Return the latency of the bars that came after a monotonic time; None if none came."""
        return self._latency(lambda came, _: came >= begin)

    def of_ticks_since(self, begin: float) -> Latency | None:
        """Return the latency of the ticks that arrived after a monotonic time; None if no bar has one of them."""
        return self._latency(lambda came, age: came - age / 1_000 >= begin)

    def _latency(self, wanted: Callable[[float, float], bool]) -> Latency | None:
        with self._lock:
            ages = np.array([age for came, age in self._samples if wanted(came, age)])
        if not len(ages):
            return None
        p50, p95, p99 = (float(value) for value in np.percentile(ages, [50, 95, 99]))
        return Latency(len(ages), p50, p95, p99)

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _measure(self) -> None:
        while not self._stop.is_set():
            end = time.monotonic() + 1
            measured = 0
            while measured < _SAMPLES_A_SECOND and (left := end - time.monotonic()) > 0:
                measured += self._measured_one(left)
            if measured == _SAMPLES_A_SECOND:
                self._stop.wait(max(0.0, end - time.monotonic()))
                self._consumer.assign(self._newest)

    def _measured_one(self, wait_seconds: float) -> bool:
        message = self._consumer.poll(wait_seconds)
        value = None if message is None or message.error() else message.value()
        if value is None:
            return False
        came, now = time.monotonic(), time.time()
        ingested = orjson.loads(value).get("last_ingest_time")
        if self._first_bar is None:
            self._first_bar = came
        if ingested is not None:
            with self._lock:
                self._samples.append((came, now * 1_000 - ingested / 1_000))
        return True


class Meter:
    """Counts what is in the demo's Kafka and database.

    Args:
        settings: Where they are, and the checkpoints of the queries.
    """

    def __init__(self, settings: Settings) -> None:
        self._checkpoints = Path(settings.spark.checkpoint_location)
        self._consumer = _consumer(settings)
        self._partitions = {record: _partitions_of(self._consumer, record) for record in (TICK, BAR, DEAD_LETTER)}
        self._database = settings.stores.timescaledb
        self._connection = _connect(self._database)
        self.latency = LatencySampler(settings)

    def snapshot(self) -> Snapshot:
        """Return what there is now."""
        now = time.monotonic()
        ticks, bars, dead_letters = (self._ends(record) for record in (TICK, BAR, DEAD_LETTER))
        return Snapshot(
            time=now,
            ticks=sum(ticks.values()),
            bars=sum(bars.values()),
            dead_letters=sum(dead_letters.values()),
            stored_ticks=self._ask(_ROWS, STORED_TICK.table),
            stored_bars=self._ask(_ROWS, BAR.table),
            ticks_behind=records_behind(self._checkpoints / "store_ticks", str(TICK.topic), ticks),
            bars_behind=records_behind(self._checkpoints / "store_bars", str(BAR.topic), bars),
            latency=self.latency.of_bars_since(now - _RECENT_SECONDS),
        )

    def count_rows(self, record: Record) -> int:
        """Count the rows of a table, exactly."""
        return self._ask(f"SELECT count(*) FROM {record.table}")  # noqa: S608 the table is ours

    def close(self) -> None:
        """Disconnect."""
        self.latency.close()
        self._consumer.close()
        self._connection.close()

    def _ends(self, record: Record) -> dict[int, int]:
        """Return the next offset of each partition: the demo's topics are new, so it is also how many there are."""
        watermarks = self._consumer.get_watermark_offsets
        return {part.partition: watermarks(part, timeout=_ANSWER_SECONDS)[1] for part in self._partitions[record]}

    def _ask(self, question: str, *parameters: object) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(question, parameters)
            row = cursor.fetchone()
        return int(row[0]) if row else 0


def _consumer(settings: Settings) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": settings.kafka.bootstrap_servers,
            "group.id": f"mdstream-demo-{uuid.uuid4()}",
            "enable.auto.commit": False,
            # The client's pause before it asks for more; at the default of a second it would be what is measured.
            "fetch.queue.backoff.ms": 10,
        }
    )


def _partitions_of(consumer: Consumer, record: Record) -> list[TopicPartition]:
    name = str(record.topic)
    topic = consumer.list_topics(name, timeout=_ANSWER_SECONDS).topics[name]
    return [TopicPartition(name, partition, OFFSET_END) for partition in topic.partitions]


def _connect(settings: TimescaleSettings) -> psycopg2.extensions.connection:
    connection = psycopg2.connect(
        host=settings.host,
        port=settings.port,
        dbname=settings.database,
        user=settings.user,
        password=settings.password.get_secret_value(),
    )
    connection.autocommit = True
    return connection
