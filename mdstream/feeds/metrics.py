"""What happens to feeds, for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from mdstream.feeds.base import Feed, FeedBatch
from mdstream.feeds.producer import TickProducer
from mdstream.feeds.supervision import LiveFeed
from mdstream.telemetry import metrics

_OF_LIVE_FEEDS = {
    "frames": metrics.FEED_FRAMES,
    "connects": metrics.FEED_CONNECTS,
    "evictions": metrics.FEED_EVICTIONS,
    "stale": metrics.FEED_STALE,
    "dropped": metrics.FEED_DROPPED,
    "gaps_filled": metrics.FEED_GAPS_FILLED,
    "gaps_left": metrics.FEED_GAPS_LEFT,
    "gap_ticks": metrics.FEED_GAP_TICKS,
}
"""The counts of a live feed, by their names."""


class FeedMetrics(Collector):
    """Numbers that feeds and their producers count anyway, read when they are asked for.

    Args:
        runs: Feeds with their producers.
    """

    def __init__(self, runs: Sequence[tuple[Feed, TickProducer]]) -> None:
        self._runs = tuple(runs)
        self._ticks: Counter[tuple[str, str]] = Counter()
        self._bars: Counter[tuple[str, str]] = Counter()
        self._quotes: Counter[tuple[str, str]] = Counter()

    def observe(self, feed: str, batch: FeedBatch) -> None:
        """Count the ticks and quotes of a batch by their own source, and its bars, which have none, by the feed."""
        self._ticks.update((tick["symbol"], tick["source"]) for tick in batch.ticks)
        self._quotes.update((quote["symbol"], quote["source"]) for quote in batch.quotes)
        self._bars.update((bar["symbol"], feed) for bar in batch.bars)

    def collect(self) -> Iterator[Metric]:
        """Return all numbers as they are now; called from the server's threads."""
        for metric, received in (
            (metrics.TICKS_RECEIVED, self._ticks),
            (metrics.BARS_RECEIVED, self._bars),
            (metrics.QUOTES_RECEIVED, self._quotes),
        ):
            family = metric.family()
            for labels, count in dict(received).items():
                family.add_metric(labels, count)
            yield family
        yield from self._of_producers()
        yield from self._of_live_feeds()

    def _of_producers(self) -> Iterator[Metric]:
        sent, acknowledged = metrics.TICKS_SENT.family(), metrics.TICKS_ACKNOWLEDGED.family()
        bars, quotes = metrics.BARS_ACKNOWLEDGED.family(), metrics.QUOTES_ACKNOWLEDGED.family()
        waiting, rejected = metrics.INGEST_WAITING.family(), metrics.INGEST_DEAD_LETTERS.family()
        for feed, producer in self._runs:
            sent.add_metric((feed.name,), producer.counts.sent)
            acknowledged.add_metric((feed.name,), producer.counts.acknowledged)
            bars.add_metric((feed.name,), producer.counts.bars_acknowledged)
            quotes.add_metric((feed.name,), producer.counts.quotes_acknowledged)
            waiting.add_metric((feed.name,), producer.counts.waiting)
            for reason, count in dict(producer.counts.dead_letters).items():
                rejected.add_metric((feed.name, reason), count)
        yield from (sent, acknowledged, bars, quotes, waiting, rejected)

    def _of_live_feeds(self) -> Iterator[Metric]:
        live = [feed for feed, _ in self._runs if isinstance(feed, LiveFeed)]
        queued = metrics.FEED_QUEUED.family()
        for feed in live:
            queued.add_metric((feed.name,), feed.queued)
        yield queued
        for name, metric in _OF_LIVE_FEEDS.items():
            family = metric.family()
            for feed in live:
                family.add_metric((feed.name,), getattr(feed.counts, name))
            yield family
