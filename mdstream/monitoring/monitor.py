"""What `mdstream metrics` measures: lag, latency of bars, health of servers, and how forecasts turned out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mdstream.config import Settings
from mdstream.errors import StoreError, StoreUnavailableError
from mdstream.kafka.lag import LIVE_BARS, ReaderLag, describe_records, measure_lags
from mdstream.kafka.latency import LatencySampler
from mdstream.monitoring.doctor import check_servers
from mdstream.monitoring.forecast_scores import ForecastScores
from mdstream.schemas import KAFKA_METRIC, LATENCY_METRIC, Record
from mdstream.stores import Sink, configured_sinks
from mdstream.telemetry import metrics

_POINT = "bar"

logger = logging.getLogger(__name__)

Row = dict[str, Any]


class KafkaMeasurements(Collector):
    """The last look at Kafka; nothing while it does not answer, rather than what was once."""

    def __init__(self) -> None:
        self.lags: list[ReaderLag] = []
        self.rates: dict[tuple[str, str], float] = {}
        self.records: dict[str, int] = {}

    def collect(self) -> Iterator[Metric]:
        """Return the numbers; called from the server's threads."""
        lag, rate, records = (
            metrics.CONSUMER_LAG.family(),
            metrics.MESSAGES_PER_SECOND.family(),
            metrics.TOPIC_RECORDS.family(),
        )
        for reader in self.lags:
            lag.add_metric((reader.topic, reader.query), reader.lag)
        for (topic, query), value in self.rates.items():
            rate.add_metric((topic, query), value)
        for topic, count in self.records.items():
            records.add_metric((topic,), count)
        yield from (lag, rate, records)


class Monitor:
    """Measures what no process knows of itself, until it is stopped.

    Args:
        settings: Kafka, stores, checkpoints and `monitoring`.
        registry: Where its metrics are registered.
    """

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._kafka = KafkaMeasurements()
        self._forecasts = ForecastScores(settings)
        registry.register(self._kafka)
        registry.register(self._forecasts)
        self._latency = metrics.PROCESSING_LATENCY.register(registry).labels(_POINT)
        self._up = metrics.SERVER_UP.register(registry)
        self._ready = metrics.SERVER_READY.register(registry)
        self._measured = metrics.MEASURED.register(registry)
        self._sampler: LatencySampler | None = None
        self._last = time.monotonic()
        self._before: tuple[float, dict[tuple[str, str], int]] | None = None
        self._problems: dict[str, str] = {}

    def run(self, stop: threading.Event) -> None:
        """Measure until `stop` is set. What is away is reported as that, and looked for again."""
        monitoring = self._settings.monitoring
        measurements = (
            (self.measure_kafka, monitoring.interval_seconds),
            (self.check_health, monitoring.health_seconds),
            (self.measure_forecasts, monitoring.forecasts_seconds),
        )
        with ThreadPoolExecutor(len(measurements), "monitor") as pool:
            loops = [pool.submit(_repeat, measure, seconds, stop) for measure, seconds in measurements]
            wait(loops, return_when=FIRST_COMPLETED)
            stop.set()
        self.close()
        for loop in loops:
            loop.result()

    def close(self) -> None:
        """Stop reading bars."""
        if self._sampler is not None:
            self._sampler.close()

    def check_health(self) -> None:
        """Ask each server whether it answers and has what is needed of it."""
        for finding in check_servers(self._settings):
            server = finding.component.lower()
            self._up.labels(server).set(finding.reachable)
            self._ready.labels(server).set(finding.ok)
        self._measured.labels("servers").set(time.time())

    def measure_forecasts(self) -> None:
        """Hold the forecasts of the last day to the prices that came."""
        try:
            self._forecasts.measure()
        except StoreError as exc:
            self._report("forecasts", str(exc))
        else:
            self._report("forecasts", None)

    def measure_kafka(self) -> None:
        """Measure lag and latency, and store them where InfluxDB is switched on."""
        try:
            topics = describe_records(self._settings)
            lags = measure_lags(self._settings, topics)
            if self._sampler is None:
                self._sampler = LatencySampler(self._settings.kafka, self._latency.observe)
        except StoreUnavailableError as exc:
            self._kafka.lags, self._kafka.rates, self._kafka.records = [], {}, {}
            self._before = None
            self._report("kafka", str(exc))
            return
        now = time.monotonic()
        self._kafka.rates = self._rates(now, lags)
        self._kafka.lags = lags
        self._kafka.records = {name: sum(end for _, end in topic.offsets.values()) for name, topic in topics.items()}
        self._report("kafka", None)
        self._store(now)
        self._last = now

    def _rates(self, now: float, lags: list[ReaderLag]) -> dict[tuple[str, str], float]:
        done = {(reader.topic, reader.query): reader.done for reader in lags}
        before, self._before = self._before, (now, done)
        if before is None:
            return {}
        then, was = before
        return {key: max(0, number - was[key]) / (now - then) for key, number in done.items() if key in was}

    def _store(self, now: float) -> None:
        """Write what was measured to the stores that take it: InfluxDB alone."""
        at = datetime.now(UTC)
        rows: tuple[tuple[Record, list[Row]], ...] = (
            (KAFKA_METRIC, [self._kafka_row(reader, at) for reader in self._kafka.lags]),
            (LATENCY_METRIC, [self._latency_row(now, at)]),
        )
        try:
            written = [_write(sink, record, found) for record, found in rows for sink in self._sinks(record)]
        except StoreError as exc:
            self._report("influxdb", str(exc))
            return
        if written:
            self._report("influxdb", None)

    def _sinks(self, record: Record) -> tuple[Sink, ...]:
        return configured_sinks(self._settings, record)

    def _kafka_row(self, reader: ReaderLag, at: datetime) -> Row:
        rate = self._kafka.rates.get((reader.topic, reader.query))
        return {
            "source": reader.query,
            "topic": reader.topic,
            "measured_time": at,
            "lag": reader.lag,
            "messages_per_second": rate,
        }

    def _latency_row(self, now: float, at: datetime) -> Row:
        latency = self._sampler.of_bars_since(self._last) if self._sampler else None
        return {
            "source": LIVE_BARS,
            "point": _POINT,
            "measured_time": at,
            "interval_seconds": now - self._last,
            "count": latency.bars if latency else 0,
            "p50_ms": latency and latency.p50,
            "p95_ms": latency and latency.p95,
            "p99_ms": latency and latency.p99,
            "max_ms": latency and latency.longest,
        }

    def _report(self, what: str, problem: str | None) -> None:
        """Say once that something is away, and once that it is back."""
        if problem is None:
            self._measured.labels(what).set(time.time())
            if self._problems.pop(what, None):
                logger.warning("%s can be measured again", what)
        elif what not in self._problems:
            self._problems[what] = problem
            logger.warning("%s cannot be measured now: %s", what, problem)


def _write(sink: Sink, record: Record, rows: list[Row]) -> int:
    if rows:
        sink.write(pa.RecordBatch.from_pylist(rows, schema=record.schema))
    return len(rows)


def _repeat(action: Callable[[], None], seconds: float, stop: threading.Event) -> None:
    while not stop.is_set():
        begun = time.monotonic()
        action()
        stop.wait(max(0.0, begun + seconds - time.monotonic()))
