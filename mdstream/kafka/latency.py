"""How long a tick takes to its bars, measured from outside."""

from __future__ import annotations

import logging
import math
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from mdstream.config import KafkaSettings
from mdstream.errors import StoreUnavailableError
from mdstream.kafka.login import client_login
from mdstream.schemas import BAR, Record
from mdstream.schemas.checking import MalformedRecordError, RecordCheck
from mdstream.telemetry.refused_records import RefusedRecords

_ANSWER_SECONDS = 10.0
_SAMPLES_KEPT = 200_000
_SAMPLES_A_SECOND = 5_000
_BUCKET = math.log(1.01)  # a hundredth, which is what a percentile of all ages is exact to
_LEAST_MILLIS = 1e-3
_CHECK = RecordCheck(BAR)

SETTLING_SECONDS = 10.0
"""Ticks that arrive so soon after the first bar do not count as usual: the Java machine compiles meanwhile."""
_REFUSED = RefusedRecords(logging.getLogger(__name__))


@dataclass(frozen=True)
class Latency:
    """Time from a tick's arrival in the feed to the bar that holds it, at a Kafka consumer.

    Attributes:
        bars: How many bars it was measured on.
        p50: Median, ms.
        p95: 95th percentile, ms.
        p99: 99th percentile, ms.
        longest: Longest, ms.
    """

    bars: int
    p50: float
    p95: float
    p99: float
    longest: float


class Ages:
    """Ages of any number, by how many there are of each, to a hundredth.

    Example:
        >>> ages = Ages()
        >>> for milliseconds in range(1, 101):
        ...     ages.add(milliseconds)
        >>> found = ages.latency()
        >>> found.bars, round(found.p50), round(found.p95), round(found.longest)
        (100, 50, 95, 100)
    """

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, milliseconds: float) -> None:
        """Count one."""
        self._counts[round(math.log(max(milliseconds, _LEAST_MILLIS)) / _BUCKET)] += 1

    def latency(self) -> Latency | None:
        """Return the latency of all; None if there are none."""
        if not self._counts:
            return None
        buckets = sorted(self._counts)
        up_to = np.cumsum([self._counts[bucket] for bucket in buckets])
        places = np.searchsorted(up_to, up_to[-1] * np.array([0.5, 0.95, 0.99, 1.0]))
        p50, p95, p99, longest = (math.exp(buckets[place] * _BUCKET) for place in places)
        return Latency(int(up_to[-1]), p50, p95, p99, longest)


class LatencySampler:
    """Reads bars as they come and measures their age.

    It measures each bar as long as they are few. When they are many it measures some of every second: if it fell
    behind, it would measure itself. Its clock must agree with that of the machine that ingests.

    Args:
        settings: The broker.
        observe: Called with the age of each bar that is measured, in seconds, from the sampler's thread.

    Raises:
        StoreUnavailableError: Kafka does not answer, or has no topic of bars.
    """

    def __init__(self, settings: KafkaSettings, observe: Callable[[float], object] = lambda _: None) -> None:
        self._observe = observe
        self._samples: deque[tuple[float, float]] = deque(maxlen=_SAMPLES_KEPT)
        self._first_bar: float | None = None
        self._settled = Ages()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._consumer = open_consumer(settings)
        self._newest = partitions_of(self._consumer, BAR)
        self._consumer.assign(self._newest)
        self._thread = threading.Thread(target=self._measure, name="latency sampler", daemon=True)
        self._thread.start()

    @property
    def first_bar(self) -> float | None:
        """Monotonic time at which the first bar came; None before."""
        return self._first_bar

    def of_bars_since(self, begin: float) -> Latency | None:
        """Return the latency of the bars that came after a monotonic time; None if none came."""
        ages = []
        with self._lock:
            for came, age in reversed(self._samples):
                if came < begin:
                    break
                ages.append(age)
        return _latency_of(ages)

    def since_settled(self) -> Latency | None:
        """Return the latency of all ticks but those of the first seconds; None if no bar has one of them."""
        with self._lock:
            return self._settled.latency()

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
        if self._first_bar is None:
            self._first_bar = came
        ingested = ingest_micros(value)
        if ingested is not None:
            age = now - ingested / 1_000_000
            self._observe(age)
            with self._lock:
                self._samples.append((came, age * 1_000))
                if came - age >= self._first_bar + SETTLING_SECONDS:
                    self._settled.add(age * 1_000)
        return True


def _latency_of(ages: list[float]) -> Latency | None:
    if not ages:
        return None
    p50, p95, p99, longest = (float(value) for value in np.percentile(ages, [50, 95, 99, 100]))
    return Latency(len(ages), p50, p95, p99, longest)


def ingest_micros(value: bytes) -> int | None:
    """Return `last_ingest_time` of a bar as the topic has it; None if there is none, or the value is not a bar.

    Example:
        >>> print(ingest_micros(b'{"symbol": "AAPL", "last_ingest_time": 1767364200000000}'))
        None
    """
    try:
        ingested: int | None = _CHECK.read(value).get("last_ingest_time")
    except MalformedRecordError as exc:
        _REFUSED.note(str(exc), BAR.topic_name)
        return None
    return ingested


def open_consumer(settings: KafkaSettings) -> Consumer:
    """Return a consumer that leaves nothing behind in Kafka, for reading what is newest."""
    return Consumer(
        {
            **client_login(settings),
            "group.id": f"mdstream-looking-{uuid.uuid4()}",
            "enable.auto.commit": False,
            # The client's pause before it asks for more; at the default of a second it would be what is measured.
            "fetch.queue.backoff.ms": 10,
        }
    )


def partitions_of(consumer: Consumer, record: Record) -> list[TopicPartition]:
    """Return the partitions of a record's topic, to be read from their ends.

    Raises:
        StoreUnavailableError: Kafka does not answer, or has no such topic.
    """
    name = record.topic_name
    try:
        topic = consumer.list_topics(name, timeout=_ANSWER_SECONDS).topics[name]
    except KafkaException as exc:
        raise StoreUnavailableError(f"Kafka does not answer: {exc.args[0].str()}") from exc
    if topic.error is not None:
        raise StoreUnavailableError(
            f"topic {name} cannot be read: {topic.error.str()}; 'mdstream topics create' makes it"
        )
    return [TopicPartition(name, partition, OFFSET_END) for partition in topic.partitions]
