"""Queries that are started again, by a clock of the test's own."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql.streaming.query import StreamingQuery

from mdstream.config import SparkSettings
from mdstream.errors import QueryFailedError
from mdstream.streaming.restarts import Restarts
from mdstream.streaming.running_query import RunningQuery

CLUSTER = SparkSettings(master="spark://master:7077", checkpoint_location="hdfs:///checkpoints", restart_seconds=20)


LOST = "executor lost"
# As Spark 4.3 says it.
NO_SLOTS = (
    "[CONCURRENT_SCHEDULER_INSUFFICIENT_SLOT] Cannot run the pipelined stage group: it needs 4 concurrent task slots "
    "to run all its stages together, but only 0 are currently free."
)


@dataclass(frozen=True)
class Ended:
    """Spark's handle of a query that has failed."""

    why: str
    name: str = "live"
    lastProgress: object = None  # noqa: N815 - Spark's name

    def exception(self) -> Exception:
        return RuntimeError(f"{self.why}\n=== Streaming Query ===\nthe plan")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def start(why: str = LOST) -> RunningQuery:
    return RunningQuery(cast("StreamingQuery", Ended(why)), real_time=True, start_again=partial(start, why))


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
        QueryFailedError, match=r"^query live ended: executor lost; it was started again for 20 s in vain"
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
        (CLUSTER, replace(start(), real_time=False)),
        (CLUSTER, start("mdstream.errors.SinkError: no table tick_data")),
        (SparkSettings(master="local[3]"), start(NO_SLOTS)),
        (SparkSettings(master="local"), start(NO_SLOTS)),
    ],
    ids=["on one machine", "in micro-batches", "for good", "fewer slots than wanted", "one slot"],
)
def test_what_is_not_started_again_fails_at_once(settings: SparkSettings, running: RunningQuery) -> None:
    why = re.escape(running.reason.removeprefix("mdstream.errors.SinkError: "))
    with pytest.raises(QueryFailedError, match=rf"^query live ended: {why}(; the trace is in \S+)?$"):
        Restarts(settings).again(running)


def test_tasks_that_hand_rows_to_each_other_are_started_again_on_one_machine_too() -> None:
    settings = SparkSettings(live_partitions=2, restart_seconds=20)

    assert starts(Restarts(settings, clock := Clock()), clock, start("Too large frame"), 20) == [1, 4, 9, 18]


@pytest.mark.parametrize("master", ["local[4]", "local[4,2]", "local[32]"])
def test_slots_that_others_have_for_a_moment_are_waited_for_on_one_machine(master: str) -> None:
    clock = Clock()
    settings = SparkSettings(master=master, restart_seconds=20)
    restarts = Restarts(settings, clock)
    assert starts(restarts, clock, start(NO_SLOTS), 20) == [1, 4, 9, 18]
    with pytest.raises(QueryFailedError, match=r"it was started again for 20 s in vain"):
        starts(restarts, clock, start(NO_SLOTS), 30)


AWAY = "mdstream.errors.SinkUnavailableError: PostgreSQL at db:5432, database 'm' cannot be used now: refused"


def micro(why: str = AWAY, *, progressed: bool = False) -> RunningQuery:
    query = Ended(why, "store_ticks", {"batchId": 1} if progressed else None)
    return RunningQuery(cast("StreamingQuery", query), start_again=partial(micro, why))


def test_micro_batches_wait_for_what_comes_back_and_health_says_so() -> None:
    clock = Clock()
    restarts = Restarts(SparkSettings(restart_seconds=100), clock)
    running = micro()
    restarts.again(running)
    clock.now += 1
    again = restarts.again(running)
    assert again is not None
    restarts.look_after()
    assert restarts.problem == (
        "query store_ticks is started again: PostgreSQL at db:5432, database 'm' cannot be used now: refused"
    )

    # A store that stays away for longer than a query waits for it is not a recovery, however long that is.
    clock.now += 100
    with pytest.raises(QueryFailedError, match="for 100 s in vain"):
        restarts.again(again)


def test_a_query_that_did_a_batch_is_well() -> None:
    clock = Clock()
    restarts = Restarts(SparkSettings(), clock)
    failed = replace(micro(), start_again=partial(micro, progressed=True))
    restarts.again(failed)
    clock.now += 1
    assert restarts.again(failed) is not None
    restarts.look_after()
    assert restarts.problem is None


def test_a_start_that_fails_is_a_failure_like_any_other() -> None:
    def cannot() -> RunningQuery:
        raise AnalysisException("java.io.IOException: No space left on device")

    clock = Clock()
    restarts = Restarts(SparkSettings(restart_seconds=20), clock)
    with pytest.raises(QueryFailedError, match=r"no space left on device; free some.* for 20 s in vain"):
        starts(restarts, clock, replace(micro(), start_again=cannot), 100)
    assert clock.now - 1000 > 20
