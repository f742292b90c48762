"""What happens to feeds, for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mdstream.errors import ConfigError
from mdstream.feeds.base import Feed, FeedBatch
from mdstream.feeds.producer import TickProducer
from mdstream.feeds.supervision import LiveFeed

_OF_LIVE_FEEDS = {
    "frames": "Frames or answers read",
    "connects": "Connections opened and let in: one more than there were reconnects",
    "evictions": "Times that another connection took our place",
    "stale": "Connections given up because nothing came through them",
    "dropped": "Ticks dropped because Kafka was slower than the feed",
    "gaps_filled": "Gaps of a symbol, left by a lost connection, that were fetched afterwards",
    "gaps_left": "Gaps that could not be fetched",
    "gap_ticks": "Ticks in gaps that were fetched",
}


class FeedMetrics(Collector):
    """Numbers that feeds and their producers count anyway, read when they are asked for.

    Args:
        runs: Feeds with their producers.
    """

    def __init__(self, runs: Sequence[tuple[Feed, TickProducer]]) -> None:
        self._runs = tuple(runs)
        self._received: Counter[tuple[str, str]] = Counter()

    def observe(self, batch: FeedBatch) -> None:
        """Count the ticks of a batch."""
        self._received.update((tick["symbol"], tick["source"]) for tick in batch.ticks)

    def collect(self) -> Iterator[Metric]:
        """Return all numbers as they are now; called from the server's threads."""
        received = CounterMetricFamily("tick_messages_received", "Usable ticks", labels=("symbol", "source"))
        for labels, count in dict(self._received).items():
            received.add_metric(labels, count)
        yield received
        yield from self._of_producers()
        yield from self._of_live_feeds()

    def _of_producers(self) -> Iterator[Metric]:
        sent = CounterMetricFamily("ingest_ticks_sent", "Ticks handed to Kafka's producer", labels=("source",))
        acknowledged = CounterMetricFamily(
            "ingest_ticks_acknowledged", "Ticks that all replicas of Kafka have", labels=("source",)
        )
        waiting = GaugeMetricFamily(
            "ingest_messages_waiting", "Ticks and dead letters that are sent and not acknowledged", labels=("source",)
        )
        rejected = CounterMetricFamily(
            "ingest_dead_letters", "Input that cannot be used, by reason", labels=("source", "reason")
        )
        for feed, producer in self._runs:
            sent.add_metric((feed.name,), producer.counts.sent)
            acknowledged.add_metric((feed.name,), producer.counts.acknowledged)
            waiting.add_metric((feed.name,), producer.counts.waiting)
            for reason, count in dict(producer.counts.dead_letters).items():
                rejected.add_metric((feed.name, reason), count)
        yield from (sent, acknowledged, waiting, rejected)

    def _of_live_feeds(self) -> Iterator[Metric]:
        live = [feed for feed, _ in self._runs if isinstance(feed, LiveFeed)]
        queued = GaugeMetricFamily("feed_queued_ticks", "Ticks between socket and Kafka's producer", labels=("source",))
        for feed in live:
            queued.add_metric((feed.name,), feed.queued)
        yield queued
        for name, meaning in _OF_LIVE_FEEDS.items():
            family = CounterMetricFamily(f"feed_{name}", meaning, labels=("source",))
            for feed in live:
                family.add_metric((feed.name,), getattr(feed.counts, name))
            yield family


@contextmanager
def served(metrics: FeedMetrics, host: str, port: int) -> Iterator[None]:
    """Answer `/metrics` on this address until the end of the block.

    Raises:
        ConfigError: The address cannot be listened on.
    """
    registry = CollectorRegistry()
    registry.register(metrics)
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as exc:
        raise ConfigError(f"metrics cannot be served on {host}:{port}: {exc}; choose another --metrics-port") from exc
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
