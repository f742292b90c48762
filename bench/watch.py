"""Reads bar revisions and takes the time from each tick's ingest to the record that holds it."""

from __future__ import annotations

import threading
import time
from array import array

import numpy as np
import numpy.typing as npt
from confluent_kafka import Consumer, Message, TopicPartition

_FIELD = b'"last_ingest_time":'
_WINDOW = b'"window":"'
_POINTS = (50, 95, 99, 99.9, 100)


class LatencyWatch:
    """Reads a topic from its end, in a thread, until it is stopped."""

    def __init__(self, servers: str, topic: str) -> None:
        self._consumer = consumer_at_end(servers, topic)
        # Arrays: as lists of numbers ten minutes would take gigabytes from the broker's cache.
        self._seen = array("q")
        self._late = array("q")
        self._windows = bytearray()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._stop.is_set():
            messages = arrived(self._consumer)
            now = time.time_ns() // 1000
            for message in messages:
                value = message.value() or b""
                # Cutting the number out of the JSON keeps the watcher's share of the machine small.
                begin = value.index(_FIELD) + len(_FIELD)
                end = begin + 16
                self._seen.append(now)
                self._late.append(now - int(value[begin:end]))
                window = value.index(_WINDOW) + len(_WINDOW)
                self._windows += value[window : window + 2]

    def stop(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Stop reading; return when records were seen, in epoch microseconds, and their latency in milliseconds."""
        self._stop.set()
        self._thread.join()
        self._consumer.close()
        return np.array(self._seen), np.array(self._late) / 1000

    def first_of_each(self) -> npt.NDArray[np.int64]:
        """Return the positions of the records that were the first to hold their tick in their window.

        Where several copies of a query send the same revisions, the others are those that came second.
        """
        ingest = np.array(self._seen) - np.array(self._late)
        window = np.frombuffer(self._windows, dtype=np.uint16).astype(np.int64)
        _, first = np.unique(ingest * 65_536 + window, return_index=True)
        return np.sort(first)


def consumer_at_end(servers: str, topic: str) -> Consumer:
    """Return a consumer of all partitions that waits as little as may be, and sees what comes from now on."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": f"watch-{time.time_ns()}",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
            "fetch.queue.backoff.ms": 10,
        }
    )
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, end_of(consumer, topic, number)) for number in partitions])
    return consumer


def arrived(consumer: Consumer) -> list[Message]:
    """Return what is there as soon as one message is: `consume` alone would wait to fill its batch."""
    first = consumer.poll(0.05)
    return [] if first is None else [first, *consumer.consume(500, 0)]


def end_of(consumer: Consumer, topic: str, partition: int) -> int:
    return int(consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1])


def percentiles(latencies: npt.NDArray[np.float64]) -> str:
    if not len(latencies):
        return "nothing arrived"
    return " / ".join(f"{value:.1f}" for value in np.percentile(latencies, _POINTS))
