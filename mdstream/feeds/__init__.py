"""Sources of market data, and the way from them into Kafka."""

from mdstream.errors import brought_by

with brought_by("feeds"):
    from mdstream.feeds.base import Feed, FeedBatch, WireTick
    from mdstream.feeds.files import FileBatch, read_ticks
    from mdstream.feeds.ingest import Ingestion, ingest, pump
    from mdstream.feeds.producer import Counts, TickProducer
    from mdstream.feeds.rejects import Reject
    from mdstream.feeds.replay import ReplayFeed
    from mdstream.feeds.synthetic import SyntheticFeed

__all__ = [
    "Counts",
    "Feed",
    "FeedBatch",
    "FileBatch",
    "Ingestion",
    "Reject",
    "ReplayFeed",
    "SyntheticFeed",
    "TickProducer",
    "WireTick",
    "ingest",
    "pump",
    "read_ticks",
]
