"""Takes ticks or bars from a live feed."""

from __future__ import annotations

from mdstream.feeds import FeedBatch, WireTick
from mdstream.feeds.base import WireBar
from mdstream.feeds.supervision import LiveFeed


def taken(batch: FeedBatch) -> list[WireTick | WireBar]:
    """Return what a batch holds: no feed delivers both."""
    assert not (batch.ticks and batch.bars)
    return [*batch.ticks, *batch.bars]


async def take(feed: LiveFeed, count: int) -> tuple[list[WireTick | WireBar], list[FeedBatch]]:
    """Return the first `count` ticks or bars, then close the feed."""
    ticks: list[WireTick | WireBar] = []
    batches: list[FeedBatch] = []
    async for batch in feed:
        ticks.extend(taken(batch))
        batches.append(batch)
        if len(ticks) >= count:
            await feed.close()
    return ticks, batches
