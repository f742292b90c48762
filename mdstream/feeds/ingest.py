"""Runs feeds into Kafka until they end or are stopped."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Ingestion:
    """A feed on its way into Kafka; see `pump`."""

    feed: Feed
    producer: TickProducer
    symbols: Sequence[str] = ()
    observe: Observer = _ignore


def ingest(ingestions: Sequence[Ingestion]) -> None:
    """Run `pump` for each feed, all at once, until all have ended.

    SIGINT or SIGTERM stops reading and sends what was read, a second one gives up on that. A feed that fails for good
    stops the others in the same way: a run is never half of what was asked for without anybody being told.

    To be called from the main thread, which is where Python takes signals.

    Args:
        ingestions: Feeds with their producers, which count what was sent.

    Raises:
        DeliveryError: Kafka did not take a record, or a second signal came before it had all.
        FeedError: A feed failed for good; what came before was sent.
        InvalidInputError: A feed cannot deliver what was asked for.
    """
    asyncio.run(_until_stopped(ingestions))


async def _until_stopped(ingestions: Sequence[Ingestion]) -> None:
    loop = asyncio.get_running_loop()
    pumping = [
        asyncio.create_task(pump(each.feed, each.producer, symbols=each.symbols, observe=each.observe))
        for each in ingestions
    ]
    closing: list[asyncio.Task[None]] = []

    def close() -> None:
        closing.extend(asyncio.create_task(each.feed.close()) for each in ingestions)

    def stop(received: signal.Signals) -> None:
        logger.info("%s: stopping", received.name)
        if not closing:
            close()
            return
        for task in pumping:
            task.cancel()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        _, left = await asyncio.wait(pumping, return_when=asyncio.FIRST_EXCEPTION)
        failed = _failures(pumping)
        if left:
            close()
            await asyncio.wait(left)
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
    _raise_first([*failed, *(failure for failure in _failures(pumping) if failure not in failed)])
    if waiting := sum(each.producer.counts.waiting for each in ingestions):
        raise DeliveryError(f"stopped before Kafka had everything: {waiting} records are not acknowledged")


def _failures(tasks: Sequence[asyncio.Task[None]]) -> list[BaseException]:
    ended = (task.exception() for task in tasks if task.done() and not task.cancelled())
    return [failure for failure in ended if failure is not None]


def _raise_first(failures: Sequence[BaseException]) -> None:
    for failure in failures[1:]:
        logger.error("%s", failure)
    if failures:
        raise failures[0]
