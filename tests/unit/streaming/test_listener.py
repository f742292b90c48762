"""What is made of Spark's reports, in the form in which Spark 4.3 gave them."""

from __future__ import annotations

import json
import time
import uuid
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryProgress,
)

from mdstream.streaming import RunningQuery
from mdstream.streaming.listener import QueryMetrics

_RUN = uuid.UUID("b306d2a7-2966-4f01-b648-bbc30d3fde47")
_ID = uuid.UUID("128ba023-5971-44fb-b265-4e4b46e6e045")

_OPERATOR = {
    "operatorName": "StatefulStreamlineAggregate",
    "numRowsTotal": 0,
    "numRowsUpdated": 6,
    "allUpdatesTimeMs": 39,
    "numRowsRemoved": 0,
    "allRemovalsTimeMs": 1789,
    "commitTimeMs": 323,
    "memoryUsedBytes": 4272,
    "numRowsDroppedByWatermark": 2,
    "numShufflePartitions": 2,
    "numStateStoreInstances": 2,
    "customMetrics": {},
}


def _source(partition: int, end: int, latest: int, rows: int) -> dict[str, Any]:
    return {
        "description": f"KafkaV2[Assign[tick_data-{partition}]]",
        "startOffset": None,
        "endOffset": {"tick_data": {str(partition): end}},
        "latestOffset": {"tick_data": {str(partition): latest}},
        "numInputRows": rows,
        "inputRowsPerSecond": 0.0,
        "processedRowsPerSecond": 0.0,
        "metrics": {},
    }


def named(name: str) -> Any:  # noqa: ANN401 - what is taken of a query
    return SimpleNamespace(name=name)


def progress(name: str, **changed: object) -> QueryProgressEvent:
    report = {
        "id": str(_ID),
        "runId": str(_RUN),
        "name": name,
        "timestamp": "2026-11-22T22:42:00.739Z",
        "batchId": 1,
        "batchDuration": 4000,
        "numInputRows": 2,
        "inputRowsPerSecond": 0.1,
        "processedRowsPerSecond": 0.1,
        "durationMs": {"addBatch": 3000, "latestOffset": 500, "triggerExecution": 4000},
        "eventTime": {"watermark": "2026-11-21T22:41:55.284Z"},
        "stateOperators": [_OPERATOR],
        "sources": [_source(0, 40, 50, 20)],
        "sink": {"description": "ForeachBatchSink", "numOutputRows": -1},
        "observedMetrics": {},
    }
    return QueryProgressEvent(StreamingQueryProgress.fromJson(json.loads(json.dumps(report | changed))))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_a_batch_as_metrics(registry: CollectorRegistry) -> None:
    metrics = QueryMetrics(registry, counts_state_rows=True)
    metrics.onQueryStarted(QueryStartedEvent(_ID, _RUN, "store_ticks", "2026-11-22T22:42:00.739Z", set()))
    metrics.onQueryProgress(progress("store_ticks"))
    metrics.onQueryProgress(progress("store_ticks"))

    query = {"query": "store_ticks"}
    operator = query | {"operator": "StatefulStreamlineAggregate"}
    value = registry.get_sample_value
    assert value("stream_query_running", query) == 1
    assert value("stream_rows_read_total", query) == 4
    assert value("stream_batch_seconds_sum", query) == 8
    assert value("stream_phase_seconds_total", query | {"phase": "addBatch"}) == 6
    assert value("stream_phase_seconds_total", query | {"phase": "triggerExecution"}) is None
    assert value("stream_watermark_timestamp_seconds", query) == pytest.approx(1795300915.284)
    assert value("ticks_late_total", query) == 4
    assert value("stream_state_bytes", operator) == 4272
    assert value("stream_state_rows", operator) == 0
    assert value("stream_state_rows_updated_total", operator) == 12
    assert value("kafka_consumer_lag", query | {"topic": "tick_data"}) == 10
    assert value("messages_per_second", query | {"topic": "tick_data"}) == 5
    assert value("stream_source_offset", query | {"topic": "tick_data", "partition": "0"}) == 40
    assert time.time() - (value("stream_last_progress_timestamp_seconds", query) or 0) < 60

    metrics.onQueryIdle(QueryIdleEvent(_ID, _RUN, "2026-11-22T22:43:00.739Z"))
    assert value("stream_query_running", query) == 1
    metrics.onQueryTerminated(QueryTerminatedEvent(_ID, _RUN, None, None))
    assert value("stream_query_running", query) == 0


def test_of_a_real_time_query_no_lag_is_told(registry: CollectorRegistry) -> None:
    metrics = QueryMetrics(registry, counts_state_rows=False)
    metrics.note(RunningQuery(named("live_bars"), real_time=True))
    metrics.onQueryProgress(progress("live_bars", sources=[_source(0, 1, 221, 1), _source(1, 1, 858, 1)]))

    value, query = registry.get_sample_value, {"query": "live_bars"}
    assert value("kafka_consumer_lag", query | {"topic": "tick_data"}) is None
    assert value("messages_per_second", query | {"topic": "tick_data"}) is None
    assert value("stream_source_offset", query | {"topic": "tick_data", "partition": "1"}) == 1
    assert value("stream_state_rows", query | {"operator": "StatefulStreamlineAggregate"}) is None, "0 would be untrue"


def test_late_ticks_of_the_engine_are_counted_as_they_come(registry: CollectorRegistry) -> None:
    metrics, counts = QueryMetrics(registry, counts_state_rows=False), iter([2, 2, 5])
    metrics.note(RunningQuery(named("live_bars"), late_ticks=lambda: next(counts)))
    seen = []
    for _ in range(3):
        metrics.onQueryProgress(progress("live_bars", sources=[], stateOperators=[]))
        seen.append(registry.get_sample_value("ticks_late_total", {"query": "live_bars"}))
    assert [after - before for before, after in pairwise(seen)] == [0, 3]  # type: ignore[operator]


def test_what_was_passed_over_is_counted_also_by_a_query_that_was_started_again(registry: CollectorRegistry) -> None:
    metrics, counts = QueryMetrics(registry, counts_state_rows=False), iter([7, 9, 3])
    metrics.note(RunningQuery(named("live_bars"), thinned=lambda: next(counts)))
    seen = []
    for _ in range(3):
        metrics.onQueryProgress(progress("live_bars", sources=[], stateOperators=[]))
        seen.append(registry.get_sample_value("indicators_thinned_total", {"query": "live_bars"}))
    assert seen == [7, 9, 12]


def test_before_the_first_data(registry: CollectorRegistry) -> None:
    metrics = QueryMetrics(registry, counts_state_rows=False)
    idle = {"durationMs": {"latestOffset": 256, "triggerExecution": 257}, "stateOperators": [], "numInputRows": 0}
    nowhere = _source(0, 0, 0, 0) | {"endOffset": None, "latestOffset": None}
    files = nowhere | {"endOffset": {"logOffset": 3}}
    watermark = {"watermark": "1970-01-01T00:00:00.000Z"}
    metrics.onQueryProgress(progress("store_bars", **idle, eventTime=watermark, sources=[nowhere, files]))

    value, query = registry.get_sample_value, {"query": "store_bars"}
    assert value("stream_watermark_timestamp_seconds", query) is None
    assert value("stream_batch_seconds_count", query) is None, "it was no batch"
    assert value("stream_phase_seconds_total", query | {"phase": "latestOffset"}) == pytest.approx(0.256)
    assert value("kafka_consumer_lag", query | {"topic": "aggregated_data"}) is None
