"""Runs jobs until they are told to stop, or one of them fails."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from mdstream.config import Settings
from mdstream.errors import QueryFailedError
from mdstream.kafka.broker_watch import watched_broker
from mdstream.streaming.failures import explain_failure
from mdstream.streaming.leftovers import written_folders
from mdstream.streaming.listener import measured
from mdstream.streaming.restarts import Restarts
from mdstream.streaming.running_query import RunningQuery
from mdstream.streaming.spark_log import where_traces_are
from mdstream.streaming.stopping import StopRequest, java_is_gone, stop_signals

logger = logging.getLogger(__name__)


Job = Callable[[SparkSession, Settings], Sequence[RunningQuery]]
"""Starts the queries of one job and returns them."""

_POLL_SECONDS = 0.2
_FINISH_SECONDS = 5.0
_SIGNAL_SECONDS = 1.0


def run_jobs(jobs: Sequence[Job], spark: SparkSession, settings: Settings) -> None:
    """Start jobs in one Spark application and wait until SIGTERM or SIGINT, or until a query fails.

    On a signal micro-batches are finished and committed before their queries stop. A real-time query stops where it
    is: what it sent since its last checkpoint it sends again at the next start, as the same revisions.

    A query that fails for want of what comes back is started again while the others go on, see `Restarts`.

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
    with (
        stop_signals() as stop,
        watched_broker(settings.kafka),
        measured(spark, settings, lambda: restarts.problem) as metrics,
    ):
        try:
            started: Sequence[RunningQuery] = ()
            for job in jobs:
                if any(running.real_time for running in started):
                    logger.info("the other jobs begin in %g s", settings.spark.head_start_seconds)
                    _watch(queries, restarts, stop, settings.spark.head_start_seconds)
                if stop.is_asked:
                    break
                started = _started(job, spark, settings)
                queries.extend(started)
                if metrics is not None:
                    for running in started:
                        metrics.note(running)
            _watch(queries, restarts, stop)
        except (Py4JError, ConnectionError) as exc:
            if not java_is_gone(exc):
                raise
            # A signal to the group of processes ends Java too, and sometimes first.
            if not stop.wait(_SIGNAL_SECONDS):
                raise QueryFailedError(
                    "Spark's Java process has ended: killed, or out of memory (spark.conf: spark.driver.memory). "
                    "Start again: every query goes on from its checkpoint"
                ) from exc
        finally:
            _stop_all(queries, spark, stop)


def _started(job: Job, spark: SparkSession, settings: Settings) -> Sequence[RunningQuery]:
    try:
        return job(spark, settings)
    except (PySparkException, Py4JJavaError) as exc:
        failure = explain_failure(str(exc), written_folders(settings.spark))
        raise QueryFailedError(f"a query does not start: {failure.reason}{where_traces_are()}") from exc


def _watch(queries: list[RunningQuery], restarts: Restarts, stop: StopRequest, seconds: float = math.inf) -> None:
    """Start queries again that have failed, for so many seconds or until all are to stop."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not stop.wait(_POLL_SECONDS):
        for place, running in enumerate(queries):
            if not running.query.isActive:
                queries[place] = restarts.again(running) or running
        restarts.look_after()


def _stop_all(queries: Sequence[RunningQuery], spark: SparkSession, stop: StopRequest) -> None:
    """Stop every query at the same time: micro-batches when the batch under way has ended, if it does in time."""
    deadline = time.monotonic() + _FINISH_SECONDS
    with ThreadPoolExecutor(max(1, len(queries))) as pool:
        for stopped in [pool.submit(_stop, running, spark, deadline, stop) for running in queries]:
            try:
                stopped.result()
            except (Py4JError, ConnectionError, PySparkException) as exc:
                # Spark gives up waiting for a task that does not let itself be interrupted, or Java has ended before.
                logger.info("a query was not stopped: %s", str(exc).partition("\n")[0])


def _stop(running: RunningQuery, spark: SparkSession, deadline: float, stop: StopRequest) -> None:
    if not running.real_time:
        _await_batch(running.query, deadline, stop)
    # Spark and py4j report whatever of a batch is cut off as a failure, although nothing is lost.
    spark.sparkContext.setLogLevel("OFF")
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    running.query.stop()


def stop_session(spark: SparkSession) -> None:
    """End a session, though its Java may have ended before."""
    try:
        spark.stop()
    except (Py4JError, ConnectionError) as exc:
        logger.info("Spark's Java has ended before the session: %s", str(exc).partition("\n")[0])


def _await_batch(query: StreamingQuery, deadline: float, stop: StopRequest) -> None:
    """Wait for the end of the batch under way. The next may follow at once: of that only the beginning is lost."""
    done = _last_batch(query)
    while query.isActive and query.status["isTriggerActive"] and _last_batch(query) == done:
        if time.monotonic() > deadline or stop.is_urgent:
            logger.warning("query %s is stopped within a batch, which comes again at the next start", query.name)
            return
        time.sleep(_POLL_SECONDS / 10)


def _last_batch(query: StreamingQuery) -> int | None:
    progress = query.lastProgress
    return None if progress is None else int(progress["batchId"])
