"""Brings records to clients: in rounds, each client's newest frames in one write."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
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

    Records wait for the next round, and a newer revision of what waits takes its place: the time between two rounds
    bounds both the delay and the work, and a round may take half of the time. In a round each changed thing becomes
    one frame for all, and each client gets its frames in one write.

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
        self._wanting: defaultdict[Subscription, set[Client]] = defaultdict(set)
        self._clients: set[Client] = set()
        self._behind: set[Client] = set()
        self._changed: dict[Slot, Stream] = {}
        self._has_changed = asyncio.Event()
        self._publication = 0
        self._ingested: list[int] = []
        self._offered = 0

    def take(self, records: Sequence[tuple[str, bytes]]) -> None:
        """Take records, each with its topic."""
        for topic, count in Counter(topic for topic, _ in records).items():
            self._counters.records.labels(topic).inc(count)
        for topic, value in records:
            try:
                self._take(self._by_topic[topic], value)
            except (KeyError, TypeError, ValueError):
                self._counters.unreadable.labels(topic).inc()
        self._has_changed.set()

    def _take(self, channel: Channel, value: bytes) -> None:
        fields = orjson.loads(value)
        symbol, window = fields["symbol"], fields["window"] if channel.windowed else ""
        if not (isinstance(symbol, str) and isinstance(window, str)):
            raise TypeError("a symbol and a window are text")
        stream = self._streams.get(Subscription(channel.name, symbol, window))
        if stream is None:
            stream = self._new_stream(channel, symbol, window)
        slot = stream.take(fields, value)
        if slot is not None:
            # What changes again goes to the end, so that numbers do not go back.
            self._changed.pop(slot, None)
            self._changed[slot] = stream
            self._offered += len(stream.subscribers)

    def _new_stream(self, channel: Channel, symbol: str, window: str) -> Stream:
        stream = Stream(channel, symbol, window)
        for name in (symbol, EVERY_SYMBOL):
            for client in self._wanting.get(Subscription(channel.name, name, window), ()):
                stream.subscribers[client] = client.waiting
        self._streams[Subscription(channel.name, symbol, window)] = stream
        self.symbols.add(symbol)
        return stream

    def add(self, client: Client) -> None:
        """Let a client in."""
        self._clients.add(client)
        self._counters.clients.inc()

    def remove(self, client: Client) -> None:
        """Let a client go."""
        self._publish()
        self._clients.discard(client)
        self._behind.discard(client)
        self._counters.clients.dec()
        self._counters.frames_conflated.inc(client.left_out)
        self._forget(client, client.subscriptions)

    def subscribe(self, client: Client, wanted: Selection) -> None:
        """Bring a client the last state of what it wants, and from now on whatever changes it."""
        self._publish()
        subscriptions = self._subscriptions(wanted)
        client.subscriptions |= subscriptions
        for subscription in subscriptions:
            self._wanting[subscription].add(client)
        frames = []
        for stream in self._wanted_by(subscriptions):
            stream.subscribers[client] = client.waiting
            frames += [slot.snapshot() for slot in stream.newest()]
        self._send_now(client, *frames)

    def unsubscribe(self, client: Client, unwanted: Selection) -> None:
        """Bring a client no more of it; `*` is everything of those channels and windows."""
        gone = self._subscriptions(unwanted)
        if EVERY_SYMBOL in unwanted.symbols:
            gone = {
                Subscription(channel, symbol, window)
                for channel, symbol, window in client.subscriptions
                if Subscription(channel, EVERY_SYMBOL, window) in gone
            }
        # Nothing of it may come behind the answer.
        self._publish()
        self._send_now(client)
        self._forget(client, client.subscriptions & gone)

    def _forget(self, client: Client, gone: set[Subscription]) -> None:
        client.subscriptions = client.subscriptions - gone
        for subscription in gone:
            self._wanting[subscription].discard(client)
            if not self._wanting[subscription]:
                del self._wanting[subscription]
        for stream in self._wanted_by(gone):
            if not client.wants(stream):
                stream.subscribers.pop(client, None)

    def announce(self, frame: bytes) -> None:
        """Bring all clients a message of the server, even those that are behind."""
        for client in self._clients:
            self._send_now(client, frame)

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
        patience = _LOOK_AGAIN_SECONDS if self._behind else None
        try:
            async with asyncio.timeout(patience):
                await self._has_changed.wait()
        except TimeoutError:
            return
        self._has_changed.clear()

    async def _round(self) -> None:
        self._publish()
        self._look_after_those_behind(time.monotonic())
        ingested, self._ingested = self._ingested, []
        sent = 0
        for number, client in enumerate(list(self._clients), 1):
            sent += client.flush(time.monotonic(), self._publication)
            if client.is_behind:
                self._behind.add(client)
            if number % _CLIENTS_AT_ONCE == 0:
                # Others want to read, write and connect meanwhile.
                await asyncio.sleep(0)
        self._counters.frames_sent.inc(sent)
        now = time.time_ns() // 1_000
        for micros in ingested:
            self._counters.latency.observe((now - micros) / _MICROSECONDS)

    def _publish(self) -> None:
        """Make what has changed wait for all who want it."""
        self._publication += 1
        published = 0
        for slot, stream in self._changed.items():
            frame = slot.publish(self._publication)
            for waiting in stream.subscribers.values():
                waiting.append(frame)
            published += len(stream.subscribers)
            if stream.subscribers and slot.ingested is not None:
                self._ingested.append(slot.ingested)
        self._changed.clear()
        self._counters.frames_conflated.inc(max(0, self._offered - published))
        self._offered = 0

    def _look_after_those_behind(self, now: float) -> None:
        """Let those catch up that took what was held back for them, and cut off those that take nothing."""
        for client in list(self._behind):
            if not client.is_held_back(now):
                self._catch_up(client)
            elif client.stalled_for(now) > self._settings.stalled_seconds:
                self._counters.stalled.inc()
                self._behind.discard(client)
                client.abort()

    def _catch_up(self, client: Client) -> None:
        missed = [
            slot.frame
            for stream in self._wanted_by(client.subscriptions)
            for slot in stream.published_since(client.has_all_until)
        ]
        self._counters.frames_conflated.inc(client.catch_up(missed))
        self._behind.discard(client)

    def _send_now(self, client: Client, *frames: bytes) -> None:
        if client.is_behind:
            self._catch_up(client)
        self._counters.frames_sent.inc(client.send_now(self._publication, *frames))

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
