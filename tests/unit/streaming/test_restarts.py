"""Queries that are started again on a cluster, by a clock of the test's own."""

from __future__ import annotations

from typing import cast

import pytest
from pyspark.sql.streaming.query import StreamingQuery

from mdstream.config import SparkSettings
from mdstream.errors import QueryFailedError
from mdstream.streaming.restarts import Restarts
from mdstream.streaming.running import RunningQuery

CLUSTER = SparkSettings(master="spark://master:7077", checkpoint_location="hdfs:///checkpoints", restart_seconds=20)


class Ended:
    """Spark's handle of a query that has failed."""

    name = "live"

    def exception(self) -> Exception:
        return RuntimeError("executor lost\n=== Streaming Query ===\nthe plan")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def start() -> RunningQuery:
    return RunningQuery(cast("StreamingQuery", Ended()), real_time=True, start_again=start)


def starts(restarts: Restarts, clock: Clock, running: RunningQuery, seconds: int) -> list[float]:
    """When the query is started again, if it fails at once each time."""
    times, begin = [], clock.now
    while clock.now < begin + seconds:
        if again := restarts.again(running):
            times.append(clock.now - begin)
            running = again
        clock.now += 1
    return times


def test_it_is_started_again_with_growing_pauses_and_then_fails_with_its_reason() -> None:
    clock = Clock()
    restarts = Restarts(CLUSTER, clock)

    # It fails a second after each start: pauses of 1, 2, 4, 8 seconds.
    assert starts(restarts, clock, start(), 20) == [1, 4, 9, 18]
    with pytest.raises(
        QueryFailedError, match=r"^query live ended: executor lost\nIt was started again for 20 s in vain"
    ):
        starts(restarts, clock, start(), 30)


def test_a_query_that_has_recovered_begins_anew() -> None:
    clock = Clock()
    restarts = Restarts(CLUSTER, clock)
    assert starts(restarts, clock, start(), 5) == [1, 4]
    clock.now += 60

    assert starts(restarts, clock, start(), 20) == [1, 4, 9, 18]


@pytest.mark.parametrize(
    ("settings", "running"),
    [
        (SparkSettings(), start()),
        (CLUSTER, RunningQuery(cast("StreamingQuery", Ended()))),
    ],
    ids=["on one machine", "in micro-batches"],
)
def test_what_is_not_started_again_fails_at_once(settings: SparkSettings, running: RunningQuery) -> None:
    with pytest.raises(QueryFailedError, match=r"^query live ended: executor lost$"):
        Restarts(settings).again(running)
