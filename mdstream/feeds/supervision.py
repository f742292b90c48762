"""How live feeds are watched: times and limits, waits between attempts, and counts of what happened."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from mdstream.feeds.base import Feed


class Overflow(StrEnum):
    """What happens to ticks, bars and quotes that come faster than Kafka takes them."""

    WAIT = "wait"
    """The socket is read no further until there is room: the vendor buffers, and may disconnect us."""

    DROP = "drop"
    """They are dropped and counted."""


@dataclass(frozen=True)
class Supervision:
    """Times in seconds.

    Attributes:
        first_wait: Wait before the first reconnect, on average; it doubles with each failure.
        longest_wait: Longest wait between two attempts.
        evicted_wait: Wait after another connection took our place.
        healthy_after: A connection that delivered for this long was a good one: the next wait is short again.
        stale_after: A connection without any frame for this long is given up.
        ping_every: Interval of pings; the peer has as long again to answer.
        open_within: Longest time for connecting and authenticating.
        queued_ticks: Ticks, bars or quotes held between socket and Kafka.
        overflow: What happens to those beyond.
        settle: How long a vendor may need until a live trade is in its history too.
    """

    first_wait: float = 0.5
    longest_wait: float = 60.0
    evicted_wait: float = 90.0
    healthy_after: float = 10.0
    stale_after: float = 60.0
    ping_every: float = 20.0
    open_within: float = 10.0
    queued_ticks: int = 50_000
    overflow: Overflow = Overflow.WAIT
    settle: float = 5.0


@dataclass
class Backoff:
    """Waits between attempts: doubled each time, with jitter, so that many clients do not come back at once.

    A connection that was opened is no success yet: vendors let us in and close at once. Only ticks over a time are.

    Attributes:
        supervision: First and longest wait, and how long is healthy.
        jitter: Source of randomness.
    """

    supervision: Supervision
    jitter: random.Random = field(default_factory=random.Random)
    _failures: int = 0
    _first_tick_at: float | None = None

    def opened(self) -> None:
        """Take note of a new connection."""
        self._first_tick_at = None

    def delivered(self, now: float) -> None:
        """Take note of ticks; `now` is monotonic."""
        if self._first_tick_at is None:
            self._first_tick_at = now
        elif now - self._first_tick_at >= self.supervision.healthy_after:
            self._failures = 0

    def next_wait(self) -> float:
        """Return how long to wait before the next attempt."""
        longest = min(self.supervision.first_wait * 2.0 ** min(self._failures, 30), self.supervision.longest_wait)
        self._failures += 1
        return longest * self.jitter.uniform(0.5, 1.0)


@dataclass
class FeedCounts:
    """What happened to a live feed so far.

    Attributes:
        frames: Frames or answers read.
        ticks: Ticks, bars or quotes in them, whatever became of them.
        connects: Connections that were opened and let in.
        evictions: Times that another connection took our place.
        stale: Connections given up because nothing came through them.
        dropped: Ticks, bars or quotes dropped because Kafka was slower than the feed.
        gaps_filled: Gaps of a symbol, left by a lost connection, that were fetched afterwards.
        gaps_left: Gaps that could not be fetched.
        gap_ticks: Ticks in those that were.
    """

    frames: int = 0
    ticks: int = 0
    connects: int = 0
    evictions: int = 0
    stale: int = 0
    dropped: int = 0
    gaps_filled: int = 0
    gaps_left: int = 0
    gap_ticks: int = 0


@runtime_checkable
class LiveFeed(Feed, Protocol):
    """A feed from a vendor, under supervision."""

    counts: FeedCounts

    @property
    def queued(self) -> int:
        """Ticks, bars or quotes that have arrived and were not taken yet."""
        ...
