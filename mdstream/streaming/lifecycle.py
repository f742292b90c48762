"""Runs jobs until they are told to stop, or one of them fails."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from mdstream.config import Settings
from mdstream.streaming.listener import measured
from mdstream.streaming.restarts import Restarts
from mdstream.streaming.running import RunningQuery

logger = logging.getLogger(__name__)


Job = Callable[[SparkSession, Settings], Sequence[RunningQuery]]
"""Starts the queries of one job and returns them."""

_POLL_SECONDS = 0.2
_FINISH_SECONDS = 30.0


def run_jobs(jobs: Sequence[Job], spark: SparkSession, settings: Settings) -> None:
    """Start jobs in one Spark application and wait until SIGTERM or SIGINT, or until a query fails.

    On a signal micro-batches are finished and committed before their queries stop. A real-time query stops where it
    is: what it sent since its last checkpoint it sends again at the next start, as the same revisions.

    A real-time query that fails for want of executors or slots is started again, see `Restarts`.

    A job behind one with real-time queries begins `spark.head_start_seconds` later. All compile their code at their
    start, and side by side on few cores live bars are the last to be fast: what waited for them then takes a minute
    instead of twenty seconds.

    If `monitoring.jobs_port` is set, metrics of all queries of the session are served there meanwhile.

    Raises:
        QueryFailedError: A query ended with an error; all others have been stopped.

    Whatever else a job raises at its start comes through, when the jobs before it have been stopped.
    """
    queries: list[RunningQuery] = []
    restarts = Restarts(settings.spark)
    with _stop_signal() as stop, measured(spark, settings) as metrics:
        try:
            started: Sequence[RunningQuery] = ()
            for job in jobs:
                if any(running.real_time for running in started):
                    logger.info("the other jobs begin in %g s", settings.spark.head_start_seconds)
                    _watch(queries, restarts, stop, settings.spark.head_start_seconds)
                if stop.is_set():
                    break
                started = job(spark, settings)
                queries.extend(started)
                if metrics is not None:
                    for running in started:
                        metrics.note(running)
            _watch(queries, restarts, stop)
        finally:
            _stop_all(queries, spark)


def _watch(queries: list[RunningQuery], restarts: Restarts, stop: threading.Event, seconds: float = math.inf) -> None:
    """Start queries again that have failed, for so many seconds or until all are to stop."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not stop.wait(_POLL_SECONDS):
        for place, running in enumerate(queries):
            if not running.query.isActive:
                queries[place] = restarts.again(running) or running


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    stop = threading.Event()

    def set_stop(number: int, _frame: FrameType | None) -> None:
        logger.info("stopping on %s", signal.Signals(number).name)
        stop.set()

    before = {number: signal.signal(number, set_stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop_all(queries: Sequence[RunningQuery], spark: SparkSession) -> None:
    """Stop every query: micro-batches when the batch under way has ended, if it does in time; then real-time ones."""
    deadline = time.monotonic() + _FINISH_SECONDS
    for running in sorted(queries, key=lambda running: running.real_time):
        if not running.real_time:
            _await_batch(running.query, deadline)
        # Spark and py4j report whatever of a batch is cut off as a failure, although nothing is lost.
        spark.sparkContext.setLogLevel("OFF")
        logging.getLogger("py4j").setLevel(logging.CRITICAL)
        running.query.stop()


def _await_batch(query: StreamingQuery, deadline: float) -> None:
    """Wait for the end of the batch under way. The next may follow at once: of that only the beginning is lost."""
    done = _last_batch(query)
    while query.isActive and query.status["isTriggerActive"] and _last_batch(query) == done:
        if time.monotonic() > deadline:
            logger.warning("query %s is stopped within a batch, which comes again at the next start", query.name)
            return
        time.sleep(_POLL_SECONDS / 10)


def _last_batch(query: StreamingQuery) -> int | None:
    progress = query.lastProgress
    return None if progress is None else int(progress["batchId"])
