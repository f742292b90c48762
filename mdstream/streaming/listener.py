"""What Spark says of its queries, as metrics."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from uuid import UUID

from prometheus_client import CollectorRegistry
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    SourceProgress,
    StateOperatorProgress,
    StreamingQueryListener,
    StreamingQueryProgress,
)

from mdstream.config import Settings
from mdstream.serving.metrics_port import serve_metrics
from mdstream.streaming.running_query import RunningQuery
from mdstream.telemetry import metrics

_COUNTS_STATE_ROWS = "spark.sql.streaming.stateStore.rocksdb.trackTotalNumberOfRows"
_NO_WATERMARK = "1970-01-01T00:00:00.000Z"

Offsets = Mapping[str, Mapping[str, int]]
"""Of each topic, by the partition's number as text: as Spark writes them."""


class QueryMetrics(StreamingQueryListener):
    """Keeps metrics of all queries of a session, by what Spark reports at the end of each batch.

    A real-time query reports once in `spark.real_time_trigger`. Its rows, watermark and state are as of then, and no
    lag is derived from it, which would be minutes old: `mdstream metrics` measures that one from outside.

    Args:
        registry: Where the metrics are registered.
        counts_state_rows: Whether Spark counts the rows of states; else it says 0, and nothing is shown.
    """

    def __init__(self, registry: CollectorRegistry, *, counts_state_rows: bool) -> None:
        self._counts_state_rows = counts_state_rows
        self._names: dict[str, str] = {}
        self._real_time: set[str] = set()
        self._late_ticks: dict[str, Callable[[], int]] = {}
        self._thinned_of: dict[str, Callable[[], int]] = {}
        self._known: dict[tuple[str, str], int] = {}
        self._running = metrics.QUERY_RUNNING.register(registry)
        self._last_progress = metrics.QUERY_LAST_PROGRESS.register(registry)
        self._rows = metrics.ROWS_READ.register(registry)
        self._batch_seconds = metrics.BATCH_SECONDS.register(registry)
        self._phase_seconds = metrics.PHASE_SECONDS.register(registry)
        self._watermark = metrics.WATERMARK.register(registry)
        self._late = metrics.TICKS_LATE.register(registry)
        self._thinned = metrics.INDICATORS_THINNED.register(registry)
        self._state_rows = metrics.STATE_ROWS.register(registry)
        self._state_updates = metrics.STATE_ROWS_UPDATED.register(registry)
        self._state_bytes = metrics.STATE_BYTES.register(registry)
        self._offsets = metrics.SOURCE_OFFSET.register(registry)
        self._lag = metrics.CONSUMER_LAG.register(registry)
        self._rate = metrics.MESSAGES_PER_SECOND.register(registry)

    def note(self, running: RunningQuery) -> None:
        """Take note of what a job knows of a query that it has started."""
        name = running.query.name
        if running.real_time:
            self._real_time.add(name)
        if running.late_ticks is not None:
            self._late_ticks[name] = running.late_ticks
        if running.thinned is not None:
            self._thinned_of[name] = running.thinned

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802 Spark's name
        """Take note of a query."""
        name = event.name or str(event.id)
        self._names[str(event.runId)] = name
        self._running.labels(name).set(1)
        self._last_progress.labels(name).set(time.time())

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802 Spark's name
        """Take note that there is nothing to read."""
        self._last_progress.labels(self._name_of(event.runId)).set(time.time())

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802 Spark's name
        """Take note of an end."""
        self._running.labels(self._name_of(event.runId)).set(0)

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802 Spark's name
        """Take the numbers of a batch."""
        progress = event.progress
        query = progress.name or str(progress.id)
        self._last_progress.labels(query).set(time.time())
        self._rows.labels(query).inc(max(0, progress.numInputRows or 0))
        self._take_times(query, progress)
        self._take_state(query, progress.stateOperators)
        for source in progress.sources:
            self._take_offsets(query, source, (progress.batchDuration or 0) / 1000)

    def _name_of(self, run: UUID) -> str:
        # One that began before anybody listened has no name here.
        return self._names.get(str(run), str(run))

    def _take_times(self, query: str, progress: StreamingQueryProgress) -> None:
        for phase, milliseconds in progress.durationMs.items():
            if phase != "triggerExecution":
                self._phase_seconds.labels(query, phase).inc(milliseconds / 1000)
        # Without it there was nothing to do.
        if "addBatch" in progress.durationMs:
            self._batch_seconds.labels(query).observe(progress.durationMs["triggerExecution"] / 1000)
        watermark = progress.eventTime.get("watermark", _NO_WATERMARK)
        if watermark != _NO_WATERMARK:
            self._watermark.labels(query).set(datetime.fromisoformat(watermark).timestamp())

    def _take_state(self, query: str, operators: list[StateOperatorProgress]) -> None:
        late = sum(operator.numRowsDroppedByWatermark for operator in operators)
        if query in self._late_ticks:
            late += self._growth(query, "late", self._late_ticks[query])
        self._late.labels(query).inc(late)
        if query in self._thinned_of:
            self._thinned.labels(query).inc(self._growth(query, "thinned", self._thinned_of[query]))
        rows, used = Counter[str](), Counter[str]()
        for operator in operators:
            rows[operator.operatorName] += operator.numRowsTotal
            used[operator.operatorName] += operator.memoryUsedBytes
            self._state_updates.labels(query, operator.operatorName).inc(operator.numRowsUpdated)
        for name, number in used.items():
            self._state_bytes.labels(query, name).set(number)
            if self._counts_state_rows:
                self._state_rows.labels(query, name).set(rows[name])

    def _growth(self, query: str, what: str, count: Callable[[], int]) -> int:
        """Return by how much a count has grown; a query that was started again counts from zero."""
        found, known = count(), self._known.get((query, what), 0)
        self._known[query, what] = found
        return found - known if found >= known else found

    def _take_offsets(self, query: str, source: SourceProgress, seconds: float) -> None:
        reached, newest = _offsets(source.endOffset), _offsets(source.latestOffset)
        for topic, partitions in reached.items():
            for partition, offset in partitions.items():
                self._offsets.labels(query, topic, partition).set(offset)
            if query not in self._real_time:
                ends = newest.get(topic, {})
                behind = sum(max(0, ends.get(number, offset) - offset) for number, offset in partitions.items())
                self._lag.labels(topic, query).set(behind)
                self._rate.labels(topic, query).set(source.numInputRows / seconds if seconds else 0)


@contextmanager
def measured(
    spark: SparkSession, settings: Settings, problem: Callable[[], str | None]
) -> Iterator[QueryMetrics | None]:
    """Serve metrics and health of the session's queries until the end of the block, if `monitoring.jobs_port` is set.

    Args:
        spark: The session.
        settings: Address and port.
        problem: Returns what keeps the queries from working, None if nothing does.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    port = settings.monitoring.jobs_port
    if port is None:
        yield None
        return
    registry = CollectorRegistry()
    listener = QueryMetrics(registry, counts_state_rows=spark.conf.get(_COUNTS_STATE_ROWS, "true") == "true")
    with serve_metrics(registry, settings.monitoring.host, port, problem):
        spark.streams.addListener(listener)
        try:
            yield listener
        finally:
            # Java may have ended before.
            with suppress(Py4JError, ConnectionError):
                spark.streams.removeListener(listener)


def _offsets(text: str | None) -> Offsets:
    """Return the offsets of a Kafka source; none of any other source, before the first batch, and where it has none."""
    # pyspark makes a text of what Spark leaves out, too.
    found = json.loads(text) if text and text != str(None) else None
    if not isinstance(found, dict):
        return {}
    return {
        topic: {number: offset for number, offset in partitions.items() if isinstance(offset, int)}
        for topic, partitions in found.items()
        if isinstance(partitions, dict)
    }
