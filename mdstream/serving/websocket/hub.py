"""Brings records to clients: in rounds, each client's newest frames in one write."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson

from mdstream.config import Settings
from mdstream.serving.websocket.channels import Channel, channels_of
from mdstream.serving.websocket.client import EVERY_SYMBOL, Client, Subscription
from mdstream.serving.websocket.counters import Counters
from mdstream.serving.websocket.streams import Slot, Stream

_CLIENTS_AT_ONCE = 64
_LOOK_AGAIN_SECONDS = 0.1
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Selection:
    """What a client asks for.

    Attributes:
        symbols: Symbols, or `*` for every one.
        channels: Names of channels.
        windows: Names of windows, for the channels that have them.
    """

    symbols: Sequence[str]
    channels: Sequence[str]
    windows: Sequence[str]


class Hub:
    """Knows the last state of everything, and who wants what; all of it in one event loop.

    Records wait for the next round. A record that changes what waits already takes its place, so that the time
    between two rounds bounds both the delay and the work; a round may take half of the time.

    Args:
        settings: Windows, symbols and limits.
        counters: What is counted.
    """

    def __init__(self, settings: Settings, counters: Counters) -> None:
        self.channels = {channel.name: channel for channel in channels_of(settings)}
        self.windows = [window.name for window in settings.windows]
        self.symbols = set(settings.symbols)
        self._settings = settings.serving.websocket
        self._counters = counters
        self._by_topic = {channel.topic: channel for channel in self.channels.values()}
        self._streams: dict[Subscription, Stream] = {}
        self._clients: set[Client] = set()
        self._changed = asyncio.Event()
        self._handed_out: dict[Slot, None] = {}
        self._offered = 0
        self._settled = 0
        self._waiting = 0

    def take(self, records: Sequence[tuple[str, bytes]]) -> None:
        """Take records, each with its topic."""
        for topic, count in Counter(topic for topic, _ in records).items():
            self._counters.records.labels(topic).inc(count)
        for topic, value in records:
            try:
                self._take(self._by_topic[topic], value)
            except (KeyError, TypeError, ValueError):
                self._counters.unreadable.labels(topic).inc()
        self._changed.set()

    def _take(self, channel: Channel, value: bytes) -> None:
        fields = orjson.loads(value)
        symbol, window = fields["symbol"], fields["window"] if channel.windowed else ""
        if not (isinstance(symbol, str) and isinstance(window, str)):
            raise TypeError("a symbol and a window are text")
        stream = self._streams.get(Subscription(channel.name, symbol, window))
        if stream is None:
            stream = self._new_stream(channel, symbol, window)
        slot = stream.take(fields, value)
        if slot is not None and stream.subscribers:
            self._offered += len(stream.subscribers)
            self._handed_out[slot] = None

    def _new_stream(self, channel: Channel, symbol: str, window: str) -> Stream:
        stream = Stream(channel, symbol, window)
        for client in self._clients:
            if client.wants(stream):
                stream.subscribers[client] = client.pending
        self._streams[Subscription(channel.name, symbol, window)] = stream
        self.symbols.add(symbol)
        return stream

    def add(self, client: Client) -> None:
        """Let a client in."""
        self._clients.add(client)
        self._counters.clients.inc()

    def remove(self, client: Client) -> None:
        """Let a client go."""
        self._clients.discard(client)
        self._counters.clients.dec()
        self._settled += len(client.pending)
        for stream in self._wanted_by(client.subscriptions):
            stream.subscribers.pop(client, None)

    def subscribe(self, client: Client, wanted: Selection) -> None:
        """Bring a client the last state of what it wants, and from now on whatever changes it."""
        subscriptions = self._subscriptions(wanted)
        client.subscriptions |= subscriptions
        frames = []
        for stream in self._wanted_by(subscriptions):
            stream.subscribers[client] = client.pending
            frames += [slot.snapshot for slot in stream.snapshot()]
        self._send_now(client, frames)
        self._counters.frames_sent.inc(len(frames))

    def unsubscribe(self, client: Client, unwanted: Selection) -> None:
        """Bring a client no more of it; `*` is everything of those channels and windows."""
        gone = self._subscriptions(unwanted)
        if EVERY_SYMBOL in unwanted.symbols:
            gone = {
                Subscription(channel, symbol, window)
                for channel, symbol, window in client.subscriptions
                if Subscription(channel, EVERY_SYMBOL, window) in gone
            }
        client.subscriptions -= gone
        # Nothing of it may come behind the answer.
        self._send_now(client, [])
        for stream in self._wanted_by(gone):
            if not client.wants(stream):
                stream.subscribers.pop(client, None)

    def announce(self, frame: bytes) -> None:
        """Bring all clients a message of the server, even those that are behind."""
        for client in self._clients:
            self._send_now(client, [frame])

    def _send_now(self, client: Client, frames: list[bytes]) -> None:
        sent = client.send_now(frames)
        self._settled += sent
        self._counters.frames_sent.inc(sent)

    async def run(self) -> None:
        """Bring records to clients until cancelled."""
        while True:
            await self._wait_for_change()
            began = time.monotonic()
            await self._round()
            took = time.monotonic() - began
            await asyncio.sleep(max(self._settings.conflation_ms / 1_000, took))

    async def _wait_for_change(self) -> None:
        # Nobody says when a client that was behind has caught up.
        patience = _LOOK_AGAIN_SECONDS if self._waiting else None
        try:
            async with asyncio.timeout(patience):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    async def _round(self) -> None:
        ingested = [slot.ingested for slot in self._handed_out]
        self._handed_out.clear()
        sent = 0
        for number, client in enumerate(list(self._clients), 1):
            now = time.monotonic()
            sent += client.flush(now)
            if client.pending and client.stalled_for(now) > self._settings.stalled_seconds:
                self._counters.stalled.inc()
                client.abort()
            if number % _CLIENTS_AT_ONCE == 0:
                # Others want to read, write and connect meanwhile.
                await asyncio.sleep(0)
        self._count(sent)
        now_micros = time.time_ns() // 1_000
        for micros in ingested:
            if micros is not None:
                self._counters.latency.observe((now_micros - micros) / _MICROSECONDS)

    def _count(self, sent: int) -> None:
        """Count what was sent, and what was offered but is neither settled nor waiting: a newer one took its place."""
        waiting = sum(len(client.pending) for client in self._clients)
        self._counters.frames_sent.inc(sent)
        self._counters.frames_conflated.inc(self._waiting + self._offered - self._settled - sent - waiting)
        self._offered, self._settled, self._waiting = 0, 0, waiting

    def _subscriptions(self, selection: Selection) -> set[Subscription]:
        return {
            Subscription(name, symbol, window)
            for name in selection.channels
            for symbol in selection.symbols
            for window in (selection.windows if self.channels[name].windowed else ("",))
        }

    def _wanted_by(self, subscriptions: set[Subscription]) -> Iterator[Stream]:
        """Yield the streams that there are of subscriptions."""
        every = {(channel, window) for channel, symbol, window in subscriptions if symbol == EVERY_SYMBOL}
        if every:
            yield from [stream for key, stream in self._streams.items() if (key.channel, key.window) in every]
        for subscription in subscriptions:
            if subscription.symbol != EVERY_SYMBOL and (stream := self._streams.get(subscription)) is not None:
                yield stream
