"""Sources of market data, and the way from them into Kafka."""

from mdstream.feeds.base import Feed, FeedBatch, WireTick
from mdstream.feeds.files import FileBatch, read_ticks
from mdstream.feeds.ingest import ingest, pump
from mdstream.feeds.producer import Counts, TickProducer
from mdstream.feeds.rejects import Reject
from mdstream.feeds.replay import ReplayFeed
from mdstream.feeds.synthetic import MarketOptions, SyntheticFeed

__all__ = [
    "Counts",
    "Feed",
    "FeedBatch",
    "FileBatch",
    "MarketOptions",
    "Reject",
    "ReplayFeed",
    "SyntheticFeed",
    "TickProducer",
    "WireTick",
    "ingest",
    "pump",
    "read_ticks",
]
