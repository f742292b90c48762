from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mdstream.config import KafkaSettings
from mdstream.embedded.server import free_port
from mdstream.feeds import Feed, FeedBatch, SyntheticFeed, TickProducer
from mdstream.feeds.metrics import FeedMetrics
from mdstream.feeds.websocket import BinanceVendor, WebSocketFeed
from mdstream.testing import MarketOptions

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(metrics: FeedMetrics) -> Samples:
    registry = CollectorRegistry()
    registry.register(metrics)
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def producer(name: str) -> TickProducer:
    return TickProducer(KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port()}"), name)


def test_what_feeds_and_producers_counted_is_served() -> None:
    live = WebSocketFeed(BinanceVendor())
    live.counts.frames, live.counts.connects, live.counts.dropped = 9, 3, 2
    made: Feed = SyntheticFeed(MarketOptions(("AAPL",)))
    producers = producer("binance"), producer("synthetic")
    producers[0].counts.sent, producers[0].counts.acknowledged = 7, 5
    producers[1].counts.dead_letters["price missing"] = 4
    producers[1].counts.bars_sent, producers[1].counts.bars_acknowledged = 6, 5
    producers[0].counts.quotes_sent, producers[0].counts.quotes_acknowledged = 30, 20
    metrics = FeedMetrics([(live, producers[0]), (made, producers[1])])
    ticks = [{"symbol": symbol, "source": "binance"} for symbol in ("BTCUSDT", "ETHUSDT", "BTCUSDT")]
    metrics.observe("binance", FeedBatch(ticks))
    metrics.observe("binance", FeedBatch(ticks[:1]))
    metrics.observe("massive", FeedBatch([], bars=[{"symbol": "AAPL"}]))
    metrics.observe("binance", FeedBatch([], quotes=ticks))

    found = scraped(metrics)
    of_binance = ("source", "binance")
    assert found["tick_messages_received_total", (of_binance, ("symbol", "BTCUSDT"))] == 3
    assert found["tick_messages_received_total", (of_binance, ("symbol", "ETHUSDT"))] == 1
    assert found["bar_messages_received_total", (("source", "massive"), ("symbol", "AAPL"))] == 1
    assert found["quote_messages_received_total", (of_binance, ("symbol", "BTCUSDT"))] == 2
    assert found["ingest_quotes_acknowledged_total", (of_binance,)] == 20
    assert found["ingest_bars_acknowledged_total", (("source", "synthetic"),)] == 5
    assert found["ingest_messages_waiting", (("source", "synthetic"),)] == 5
    assert found["ingest_ticks_sent_total", (of_binance,)] == 7
    assert found["ingest_ticks_acknowledged_total", (of_binance,)] == 5
    assert found["ingest_messages_waiting", (of_binance,)] == 2 + 10
    assert found["ingest_dead_letters_total", (("reason", "price missing"), ("source", "synthetic"))] == 4
    assert found["feed_frames_total", (of_binance,)] == 9
    assert found["feed_connects_total", (of_binance,)] == 3
    assert found["feed_dropped_total", (of_binance,)] == 2
    assert found["feed_queued_ticks", (of_binance,)] == 0
    assert ("feed_frames_total", (("source", "synthetic"),)) not in found, "nothing is connected there"
