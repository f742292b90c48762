"""Measures the demo from outside: what is in Kafka and in the database, and how long a tick takes to its bars."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from mdstream.config import Settings
from mdstream.config.jobs import STORE_QUERY, STORE_TICKS_QUERY, of_topic
from mdstream.kafka.checkpoints import records_behind
from mdstream.kafka.latency import SETTLING_SECONDS, Latency, LatencySampler, open_consumer, partitions_of
from mdstream.schemas import BAR, DEAD_LETTER, STORED_TICK, Record
from mdstream.stores.timescaledb.state import RowCounts

_ANSWER_SECONDS = 10.0
_RECENT_SECONDS = 10.0


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
        since_start: Of all ticks but those of the first seconds; None if there is no bar of any.
        first_bar: Time of the first bar; None before.
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
    since_start: Latency | None = None
    first_bar: float | None = None

    @property
    def is_warming_up(self) -> bool:
        """Whether the latency is not yet what it will be: Java compiles, or the last ten seconds have such ticks."""
        return self.first_bar is None or self.time < self.first_bar + SETTLING_SECONDS + _RECENT_SECONDS


class Meter:
    """Counts what is in the demo's Kafka and database.

    Args:
        settings: Where they are, and the checkpoints of the queries.
        past_bars: Bars that the database had before the first tick; they do not count.
    """

    def __init__(self, settings: Settings, past_bars: int = 0) -> None:
        self._ticks = settings.tick_record
        self._past = {BAR: past_bars}
        self._checkpoints = Path(settings.spark.checkpoint_location)
        self._consumer = open_consumer(settings.kafka)
        self._partitions = {record: partitions_of(self._consumer, record) for record in (self._ticks, BAR, DEAD_LETTER)}
        self._rows = RowCounts(settings.stores.timescaledb)
        self.latency = LatencySampler(settings.kafka)

    def snapshot(self) -> Snapshot:
        """Return what there is now."""
        now = time.monotonic()
        checkpoint = self._checkpoints / of_topic(STORE_TICKS_QUERY, self._ticks.topic_name)
        ticks, bars, dead_letters = (self._ends(record) for record in (self._ticks, BAR, DEAD_LETTER))
        return Snapshot(
            time=now,
            ticks=sum(ticks.values()),
            bars=sum(bars.values()),
            dead_letters=sum(dead_letters.values()),
            stored_ticks=self._rows.about(STORED_TICK),
            stored_bars=max(self._rows.about(BAR) - self._past[BAR], 0),
            ticks_behind=records_behind(checkpoint, self._ticks.topic_name, ticks),
            bars_behind=records_behind(self._checkpoints / STORE_QUERY, BAR.topic_name, bars),
            latency=self.latency.of_bars_since(now - _RECENT_SECONDS),
            since_start=self.latency.since_settled(),
            first_bar=self.latency.first_bar,
        )

    def count_rows(self, record: Record) -> int:
        """Count the rows of a table, exactly."""
        return self._rows.exactly(record) - self._past.get(record, 0)

    def close(self) -> None:
        """Disconnect."""
        self.latency.close()
        self._consumer.close()
        self._rows.close()

    def _ends(self, record: Record) -> dict[int, int]:
        """Return the next offset of each partition: the demo's topics are new, so it is also how many there are."""
        watermarks = self._consumer.get_watermark_offsets
        return {part.partition: watermarks(part, timeout=_ANSWER_SECONDS)[1] for part in self._partitions[record]}
