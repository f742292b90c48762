"""Runs a feed into Kafka until it ends or is told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from typing import TypeAlias

from mdstream.errors import DeliveryError
from mdstream.feeds.base import Feed, FeedBatch
from mdstream.feeds.producer import Counts, TickProducer

Observer: TypeAlias = Callable[[FeedBatch, Counts], None]
"""Is told of each batch, after it was handed over."""

_POLL_SECONDS = 0.05
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

logger = logging.getLogger(__name__)


def _ignore(batch: FeedBatch, counts: Counts) -> None:
    """Observe nothing."""


async def pump(feed: Feed, producer: TickProducer, *, symbols: Sequence[str] = (), observe: Observer = _ignore) -> None:
    """Send all that a feed delivers, until it ends or is closed, and wait until Kafka has it.

    Cancelled, it does not wait.

    Args:
        feed: Where ticks come from.
        producer: Where they go; its counts say how many.
        symbols: What to subscribe to; all that the feed has if empty.
        observe: Is told of each batch.

    Raises:
        DeliveryError: Kafka did not take a record; the feed was closed.
        FeedError: The feed failed for good; what came before was sent.
        InvalidInputError: The feed cannot deliver what was asked for.
    """
    await feed.connect()
    await feed.subscribe(symbols)
    watch = asyncio.create_task(_close_on_failure(feed, producer))
    try:
        async for batch in feed:
            await producer.send(batch)
            observe(batch, producer.counts)
    finally:
        watch.cancel()
        await feed.close()
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            await producer.flush()


async def _close_on_failure(feed: Feed, producer: TickProducer) -> None:
    """Take note of acknowledgements also while the feed is silent."""
    while True:
        try:
            producer.poll()
        except DeliveryError:
            await feed.close()
            return
        await asyncio.sleep(_POLL_SECONDS)


def ingest(feed: Feed, producer: TickProducer, *, symbols: Sequence[str] = (), observe: Observer = _ignore) -> Counts:
    """Run `pump` to its end; SIGINT or SIGTERM stops reading and sends what was read, a second one gives up on that.

    To be called from the main thread, which is where Python takes signals.

    Returns:
        What was sent.

    Raises:
        DeliveryError: Kafka did not take a record, or a second signal came before it had all.
        FeedError: The feed failed for good; what came before was sent.
        InvalidInputError: The feed cannot deliver what was asked for.
    """
    asyncio.run(_until_stopped(feed, producer, symbols, observe))
    return producer.counts


async def _until_stopped(feed: Feed, producer: TickProducer, symbols: Sequence[str], observe: Observer) -> None:
    loop = asyncio.get_running_loop()
    pumping = asyncio.create_task(pump(feed, producer, symbols=symbols, observe=observe))
    closing: list[asyncio.Task[None]] = []

    def stop(received: signal.Signals) -> None:
        logger.info("%s: stopping", received.name)
        if closing:
            pumping.cancel()
        else:
            closing.append(asyncio.create_task(feed.close()))

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        await asyncio.wait([pumping])
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
    if not pumping.cancelled():
        pumping.result()
    if producer.counts.waiting:
        raise DeliveryError(
            f"stopped before Kafka had everything: {producer.counts.waiting} records are not acknowledged"
        )
