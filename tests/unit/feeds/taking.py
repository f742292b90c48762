"""Takes ticks from a live feed."""

from __future__ import annotations

from mdstream.feeds import FeedBatch, WireTick
from mdstream.feeds.supervision import LiveFeed


async def take(feed: LiveFeed, count: int) -> tuple[list[WireTick], list[FeedBatch]]:
    """Return the first `count` ticks, then close the feed."""
    ticks: list[WireTick] = []
    batches: list[FeedBatch] = []
    async for batch in feed:
        ticks.extend(batch.ticks)
        batches.append(batch)
        if len(ticks) >= count:
            await feed.close()
    return ticks, batches
