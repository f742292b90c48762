"""From a tick's ingest to the first row of indicators of its bar that holds it, in Kafka and in the database."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import sqlalchemy as sa

from bench.watch import arrived, consumer_at_end

Sighting = tuple[int, int]
"""A revision of a bar, its `trade_count`, and a time in epoch microseconds."""

Sightings = dict[tuple[str, str, int], list[Sighting]]
"""By the bar's symbol, window and start, in the order in which they were made."""

_POLL_SECONDS = 0.05


class _Watch(ABC):
    """Looks for rows in a thread, until it is stopped."""

    def __init__(self) -> None:
        self._seen: Sightings = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def stop(self) -> Sightings:
        self._stop.set()
        self._thread.join()
        self._close()
        return self._seen

    @abstractmethod
    def _read(self) -> None:
        """Look until `_stop` is set."""

    @abstractmethod
    def _close(self) -> None:
        """Let go of what was read from."""


class TopicWatch(_Watch):
    """Reads a topic from its end, in a thread, until it is stopped, and keeps one time of each record.

    Args:
        servers: The broker.
        topic: Of records with the key of a bar and its `trade_count`.
        time_of: Returns that time from a record and the time of its arrival, None to leave it out.
    """

    def __init__(self, servers: str, topic: str, time_of: Callable[[dict[str, Any], int], int | None]) -> None:
        self._time_of = time_of
        self._consumer = consumer_at_end(servers, topic)
        super().__init__()

    def _close(self) -> None:
        self._consumer.close()

    def _read(self) -> None:
        while not self._stop.is_set():
            messages = arrived(self._consumer)
            now = time.time_ns() // 1000
            for message in messages:
                row = orjson.loads(message.value() or b"")
                moment = self._time_of(row, now)
                if moment is not None:
                    key = (row["symbol"], row["window"], row["window_start"])
                    self._seen.setdefault(key, []).append((row["trade_count"], moment))


class TableWatch(_Watch):
    """Reads the newest rows of indicators again and again, in a thread, and keeps when each revision was first seen."""

    _QUERY = sa.text(
        'SELECT symbol, "window", (extract(epoch FROM window_start) * 1000000)::bigint, trade_count '
        "FROM technical_indicators WHERE window_start > now() - interval '20 minutes'"
    )

    def __init__(self, address: sa.URL) -> None:
        self._engine = sa.create_engine(address)
        super().__init__()

    def _close(self) -> None:
        self._engine.dispose()

    def _read(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not self._stop.wait(_POLL_SECONDS):
                rows = connection.execute(self._QUERY).all()
                now = time.time_ns() // 1000
                for symbol, window, start, count in rows:
                    seen = self._seen.setdefault((symbol, window, start), [])
                    if not seen or seen[-1][0] < count:
                        seen.append((count, now))


def latencies(ingested: Sightings, seen: Sightings) -> npt.NDArray[np.float64]:
    """Return, for each tick and window, the milliseconds from its ingest to the first row that holds it.

    Ticks that no row held when watching ended are left out.

    Args:
        ingested: Each revision of the bars with the ingest time of its last tick.
        seen: Revisions that rows were of, and when they were seen.
    """
    found = [np.empty(0)]
    for bar, ticks in ingested.items():
        if bar not in seen:
            continue
        counts, times = np.array(ticks).T
        revisions, moments = np.array(seen[bar]).T
        # Of a greatest revision so far, so that a repeat of an older one counts for nothing.
        first = np.searchsorted(np.maximum.accumulate(revisions), counts)
        held = first < len(revisions)
        found.append((moments[first[held]] - times[held]) / 1000)
    return np.concatenate(found)
