"""Starts queries again that fail for want of what comes back: a broker, a store, space, executors, slots."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql.streaming.query import StreamingQuery

from mdstream.config import SparkSettings
from mdstream.errors import QueryFailedError
from mdstream.streaming.failures import Failure, explain_failure
from mdstream.streaming.leftovers import local_folder, written_folders
from mdstream.streaming.running_query import RunningQuery
from mdstream.streaming.spark_log import where_traces_are

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0
_SETTLED_SECONDS = 60.0
"""A query that has run for so long, and done a batch if those are short, did recover: its next failure is another."""

_WANTED_SLOTS = re.compile(r"CONCURRENT_SCHEDULER_INSUFFICIENT_SLOT.*? needs (\d+) concurrent task slots", re.DOTALL)
_LOCAL_SLOTS = re.compile(r"local\[(\d+|\*)")


@dataclass(frozen=True)
class _Failed:
    query: StreamingQuery
    reason: str
    since: float
    pause: float
    due: float
    times: int = 1


class Restarts:
    """Starts queries again, in the process that runs them; the others go on meanwhile.

    What passes by itself is waited for: a broker or store that is away, a full disk, a Python worker that a busy
    machine brings up too late (`explain_failure` tells it from what does not pass). Started again from its checkpoint a
    query goes on where that is: what it sent since then it sends again, as the same rows and revisions.

    In real-time mode all tasks of a query run at once and hand rows to each other, so it fails as a whole with the
    first task of a lost executor, and for as long as there are not enough free cores for all of them. On a cluster any
    failure of such a query counts: when a machine goes, those that its tasks talked to may be the first to say so. On
    one machine a batch of 32 tasks in the same application, of a notebook say, takes all slots of `local[32]` for a
    moment.

    With more than one of `spark.live_partitions` tasks hand rows to each other on one machine, too: a connection that
    breaks between them fails the query, and the next ones are well.

    It is tried again with growing pauses until `spark.restart_seconds` have passed since it last worked.

    Args:
        settings: The master, how long is tried, and where Spark writes.
        clock: Seconds that only go forward.
    """

    def __init__(self, settings: SparkSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._failed: dict[str, _Failed] = {}
        self._unsettled: dict[str, tuple[RunningQuery, float]] = {}
        self._problems: dict[str, str] = {}

    def again(self, running: RunningQuery) -> RunningQuery | None:
        """Return a query that has ended as it was started again; None while a pause lasts.

        Raises:
            QueryFailedError: It is not to be started again.
        """
        name, now = running.query.name, self._clock()
        failed = self._failed.get(name)
        if failed is None or failed.query is not running.query:
            failed = self._failed[name] = self._noted(running, running.reason, now)
        if now < failed.due or running.start_again is None:
            return None
        try:
            started = running.start_again()
        except (PySparkException, Py4JJavaError) as exc:
            self._failed[name] = self._noted(running, str(exc), now)
            return None
        self._unsettled[name] = started, now
        return started

    def look_after(self) -> None:
        """Take note of queries that work again."""
        now = self._clock()
        for name, (running, began) in list(self._unsettled.items()):
            if now - began >= _SETTLED_SECONDS if running.real_time else running.has_progressed:
                logger.warning("query %s works again", name)
                del self._unsettled[name]
                self._problems.pop(name, None)

    @property
    def problem(self) -> str | None:
        """Which queries have failed and do not work again yet, and why; None if all work, as far as is known."""
        return "; ".join(f"query {name} is started again: {why}" for name, why in self._problems.items()) or None

    def _noted(self, running: RunningQuery, said: str, now: float) -> _Failed:
        name = running.query.name
        before = self._failed.get(name)
        if before is None or (now - before.due >= _SETTLED_SECONDS and (running.real_time or running.has_progressed)):
            since, pause, times = now, _FIRST_PAUSE_SECONDS, 1
        else:
            since, pause, times = before.since, min(2 * before.pause, _LONGEST_PAUSE_SECONDS), before.times + 1
        failure = self._explained(said, running)
        reason = f"query {name} ended: {failure.reason}"
        where = where_traces_are()
        if running.start_again is None or not failure.passes:
            raise QueryFailedError(f"{reason}{where}")
        if now - since > self._settings.restart_seconds:
            raise QueryFailedError(
                f"{reason}; it was started again for {self._settings.restart_seconds} s in vain{where}"
            )
        self._unsettled.pop(name, None)
        self._problems[name] = failure.reason
        # Once, and then now and then: who looks wants to know that it is not over.
        level = logging.WARNING if times == 1 or times % 4 == 0 else logging.INFO
        logger.log(level, "%s; it is started again in %g s, the others go on", reason, pause)
        return _Failed(running.query, failure.reason, since, pause, now + pause, times)

    def _explained(self, said: str, running: RunningQuery) -> Failure:
        place = local_folder(running.checkpoint) if running.checkpoint else None
        failure = explain_failure(said, written_folders(self._settings), place)
        return failure if failure.known else replace(failure, passes=self._comes_back(said, running))

    def _comes_back(self, said: str, running: RunningQuery) -> bool:
        if not running.real_time:
            return False
        # Tasks that hand rows to each other fail with what is between them.
        if not self._settings.is_local or self._settings.live_partitions > 1:
            return True
        wanted = _WANTED_SLOTS.search(said)
        return wanted is not None and int(wanted[1]) <= _slots(self._settings.master)


def _slots(local_master: str) -> int:
    """Return how many tasks run at once in this process.

    Example:
        >>> _slots("local[32]")
        32
    """
    found = _LOCAL_SLOTS.match(local_master)
    if found is None:
        return 1
    return (os.cpu_count() or 1) if found[1] == "*" else int(found[1])
