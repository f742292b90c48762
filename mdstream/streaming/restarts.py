"""Starts real-time queries again that fail for want of what comes back: executors, slots for their tasks."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql.streaming.query import StreamingQuery

from mdstream.config import SparkSettings
from mdstream.errors import QueryFailedError
from mdstream.streaming.running import RunningQuery

logger = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 15.0
_SETTLED_SECONDS = 60.0
"""A query that has run for so long did recover: its next failure is another one."""

_WANTED_SLOTS = re.compile(r"CONCURRENT_SCHEDULER_INSUFFICIENT_SLOT.*? needs (\d+) concurrent task slots", re.DOTALL)
_LOCAL_SLOTS = re.compile(r"local\[(\d+|\*)")


@dataclass(frozen=True)
class _Failure:
    query: StreamingQuery
    since: float
    pause: float
    due: float


class Restarts:
    """Starts real-time queries again, in the process that runs them.

    In micro-batches Spark repeats the tasks of an executor that is lost. In real-time mode all tasks of a query run at
    once and hand rows to each other, so it fails as a whole with the first task, and for as long as there are not
    enough free cores for all of them. Started again from its checkpoint it goes on where that is: what it sent since
    then it sends again, as the same revisions.

    It is tried again with growing pauses until `spark.restart_seconds` have passed. Any failure counts: when a machine
    goes, those that its tasks talked to may be the first to say so.

    Without a cluster there is little to wait for: a batch of 32 tasks in the same application, of a notebook say,
    takes all slots of `local[32]` for a moment, and a real-time batch that begins just then fails. Where
    `spark.live_partitions` is above 1 rows go through Spark's streaming shuffle: what others send to its ports
    fails the query.

    Args:
        settings: The master, and how long is waited.
        clock: Seconds that only go forward.
    """

    def __init__(self, settings: SparkSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._failures: dict[str, _Failure] = {}

    def again(self, running: RunningQuery) -> RunningQuery | None:
        """Return a query that has ended as it was started again; None while a pause lasts.

        Raises:
            QueryFailedError: It is not to be started again.
        """
        name, now = running.query.name, self._clock()
        failure = self._failures.get(name)
        if failure is None or failure.query is not running.query:
            failure = self._failures[name] = self._noted(running, failure, now)
        if now < failure.due or running.start_again is None:
            return None
        return running.start_again()

    def _noted(self, running: RunningQuery, before: _Failure | None, now: float) -> _Failure:
        if before is None or now - before.due >= _SETTLED_SECONDS:
            since, pause = now, _FIRST_PAUSE_SECONDS
        else:
            since, pause = before.since, min(2 * before.pause, _LONGEST_PAUSE_SECONDS)
        reason = f"query {running.query.name} ended: {running.reason}"
        if running.start_again is None or not self._may_recover(reason):
            raise QueryFailedError(reason)
        if now - since > self._settings.restart_seconds:
            raise QueryFailedError(f"{reason}\nIt was started again for {self._settings.restart_seconds} s in vain")
        logger.warning("%s; it is started again in %g s", reason, pause)
        return _Failure(running.query, since, pause, now + pause)

    def _may_recover(self, reason: str) -> bool:
        # Tasks that hand rows to each other do so through ports to which anybody may speak.
        if not self._settings.is_local or self._settings.live_partitions > 1:
            return True
        wanted = _WANTED_SLOTS.search(reason)
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
