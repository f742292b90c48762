"""Brings records to clients: in rounds, each client's newest frames in one write."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mdstream.config import Settings
from mdstream.config.section import interval_seconds
from mdstream.kafka.reader import Arrival
from mdstream.schemas.checking import MalformedRecordError
from mdstream.schemas.trades import is_cancelled
from mdstream.serving.websocket.channels import Channel, WhyRefused, channels_of
from mdstream.serving.websocket.client import EVERY_SYMBOL, Client, patterns_of
from mdstream.serving.websocket.counters import Counters
from mdstream.serving.websocket.streams import SLOTS_KEPT, Slot, Stream
from mdstream.telemetry.refused_records import RefusedRecords

_CLIENTS_AT_ONCE = 64
_LOOK_AGAIN_SECONDS = 0.1
_MICROSECONDS = 1_000_000
_RESENT_SECONDS = 900
"""Of so much time bars may come once more, behind a crash: what live bars did since their last checkpoint, and more."""

_BATCHES_RESENT = 3
"""And at least so many batches of live bars, where those are longer."""

_MOST_SYMBOLS = 100_000
_MOST_WANTS = 500_000

logger = logging.getLogger(__name__)


def _nothing_known(_symbol: str) -> int | None:
    return None


@dataclass(frozen=True)
class Selection:
    """What a client asks for.

    Attributes:
        symbols: Symbols, or their beginnings with a `*` behind, which alone is every one.
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

    Attributes:
        channels: Every channel by its name.
        windows: Names of the windows that there are.
        symbols: Those that are configured or have come.
        name: Of this start of the server, whose numbers begin at 1.
    """

    def __init__(self, settings: Settings, counters: Counters) -> None:
        self.channels = {channel.name: channel for channel in channels_of(settings)}
        self.windows = [window.name for window in settings.windows]
        resent = max(_RESENT_SECONDS, round(_BATCHES_RESENT * interval_seconds(settings.spark.real_time_trigger)))
        self._revisions_kept = {
            window.name: max(0, resent // window.seconds - SLOTS_KEPT) for window in settings.windows
        }
        self.symbols = set(settings.symbols)
        self.name = uuid.uuid4().hex
        self._settings = settings.serving.websocket
        self._most_ahead = settings.ticks.max_future_skew_seconds
        self._counters = counters
        self._by_topic = {channel.topic: channel for channel in self.channels.values()}
        self._bits = _bits_of(self.channels.values(), self.windows)
        # Of each symbol by their bits.
        self._streams: dict[str, dict[int, Stream]] = {}
        self._wanting: defaultdict[str, set[Client]] = defaultdict(set)
        self._wants = 0
        self._refused = RefusedRecords(logger)
        self._clients: set[Client] = set()
        self._behind: set[Client] = set()
        self._changed: dict[Slot, Stream] = {}
        self._has_changed = asyncio.Event()
        self._publication = 0
        self._ingested: list[int] = []
        self._offered = 0

    def take(self, records: Sequence[Arrival]) -> None:
        """Take records; those that are not what their topic holds are counted and left out."""
        for topic, count in Counter(record.topic for record in records).items():
            self._counters.records.labels(topic).inc(count)
        for record in records:
            try:
                self._take(self._by_topic[record.topic], record)
            except MalformedRecordError as exc:
                self._counters.unreadable.labels(record.topic).inc()
                place = f"partition {record.partition} offset {record.offset}"
                self._refused.note(str(exc), record.topic, place)
        self._has_changed.set()

    def _take(self, channel: Channel, record: Arrival) -> None:
        value = record.value
        fields = channel.check.read(value)
        if channel.why_refused is not None and not self._counts(channel, channel.why_refused, fields, record.received):
            return
        window = fields["window"] if channel.windowed else ""
        bit = self._bits.get((channel.name, window))
        if bit is None:
            # Of a window that is not configured here: nobody can ask for it.
            return
        symbol = fields["symbol"]
        stream = self._streams.get(symbol, {}).get(bit) or self._new_stream(channel, symbol, window, bit)
        slot = stream.take(fields, value, (record.partition, record.offset))
        if slot is not None:
            # What changes again goes to the end, so that numbers do not go back.
            self._changed.pop(slot, None)
            self._changed[slot] = stream
            self._offered += len(stream.subscribers)

    def _counts(self, channel: Channel, why_refused: WhyRefused, fields: Mapping[str, Any], received: int) -> bool:
        """Say whether a tick or quote counts, as for REST: a trade that was cancelled does not.

        Raises:
            MalformedRecordError: It goes to dead_letter.
        """
        received = time.time_ns() // 1_000 if received < 0 else received
        if (reason := why_refused(fields, received, self._most_ahead)) is not None:
            raise MalformedRecordError(f"a {channel.name} of {fields['symbol']} is refused: {reason}")
        return not is_cancelled(fields)

    def _new_stream(self, channel: Channel, symbol: str, window: str, bit: int) -> Stream:
        if symbol not in self._streams and len(self._streams) >= _MOST_SYMBOLS:
            raise MalformedRecordError(f"its symbol is one more than the {_MOST_SYMBOLS} that are kept")
        stream = Stream(channel, symbol, window, bit, self._revisions_kept.get(window, 0))
        for name in (symbol, *patterns_of(symbol)):
            for client in self._wanting.get(name, ()):
                if client.wants(stream):
                    stream.subscribers[client] = client.waiting
        self._streams.setdefault(symbol, {})[bit] = stream
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
        self._forget(client, dict(client.wanted))

    def has_room_for(self, symbols: int) -> bool:
        """Say whether clients may want so many symbols more: what they want is kept even if nothing comes of it."""
        return self._wants + symbols <= _MOST_WANTS

    def subscribe(self, client: Client, wanted: Selection, since: Callable[[str], int | None] = _nothing_known) -> int:
        """Bring a client the last state of what it wants, and from now on whatever changes it.

        Args:
            client: The client.
            wanted: What it wants.
            since: Returns the last number that it has of a symbol: it gets what came behind that, and no last state.

        Returns:
            How many records came behind those numbers that are kept no more: newer ones have taken their place.
        """
        self._publish()
        bits = self._bits_in(wanted)
        for symbol in wanted.symbols:
            known = client.wanted.get(symbol)
            self._wants += known is None
            # One number for all symbols takes less memory than one for each.
            client.wanted[symbol] = bits if known is None else known | bits
            self._wanting[symbol].add(client)
        frames, missed = [], 0
        is_slow = client.is_held_back(time.monotonic())
        for stream in self._wanted_by(dict.fromkeys(wanted.symbols, bits)):
            stream.subscribers[client] = client.waiting
            known = since(stream.symbol)
            if is_slow:
                continue
            if known is None or known > stream.last_sequence:
                frames += [slot.snapshot() for slot in stream.newest()]
            else:
                kept = [slot.frame for slot in stream.published_behind(known)]
                missed += stream.last_sequence - known - len(kept)
                frames += kept
        if is_slow:
            # Who takes nothing and asks for more gets it when it has taken what it has.
            client.is_behind = client.needs_snapshot = True
            self._behind.add(client)
        else:
            self._send_now(client, *frames)
        return missed

    def unsubscribe(self, client: Client, unwanted: Selection) -> None:
        """Bring a client no more of it; `*` is everything of those channels and windows that begins with the rest."""
        bits = self._bits_in(unwanted)
        beginnings = tuple(symbol[:-1] for symbol in unwanted.symbols if symbol.endswith(EVERY_SYMBOL))
        symbols = {*unwanted.symbols, *(symbol for symbol in client.wanted if symbol.startswith(beginnings))}
        # Nothing of it may come behind the answer.
        self._publish()
        self._send_now(client)
        self._forget(client, {symbol: bits for symbol in symbols if symbol in client.wanted})

    def _forget(self, client: Client, gone: Mapping[str, int]) -> None:
        for symbol, bits in gone.items():
            client.wanted[symbol] &= ~bits
            if client.wanted[symbol]:
                continue
            del client.wanted[symbol]
            self._wants -= 1
            self._wanting[symbol].discard(client)
            if not self._wanting[symbol]:
                del self._wanting[symbol]
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
        seconds = _LOOK_AGAIN_SECONDS if self._behind else None
        try:
            async with asyncio.timeout(seconds):
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
            frame
            for stream in self._wanted_by(client.wanted)
            for frame in (
                [slot.snapshot() for slot in stream.newest()]
                if client.needs_snapshot
                else [slot.frame for slot in stream.published_since(client.has_all_until)]
            )
        ]
        self._counters.frames_conflated.inc(client.catch_up(missed))
        self._behind.discard(client)

    def _send_now(self, client: Client, *frames: bytes) -> None:
        if client.is_behind:
            self._catch_up(client)
        self._counters.frames_sent.inc(client.send_now(self._publication, *frames))

    def _bits_in(self, selection: Selection) -> int:
        places = (
            (name, window)
            for name in selection.channels
            for window in (selection.windows if self.channels[name].windowed else ("",))
        )
        return sum(self._bits[place] for place in dict.fromkeys(places))

    def _wanted_by(self, wanted: Mapping[str, int]) -> Iterator[Stream]:
        """Yield the streams that there are of what is wanted of symbols."""
        for symbol, bits in wanted.items():
            if not symbol.endswith(EVERY_SYMBOL):
                found: Iterable[dict[int, Stream]] = (self._streams.get(symbol, {}),)
            elif symbol == EVERY_SYMBOL:
                found = self._streams.values()
            else:
                found = [streams for name, streams in self._streams.items() if name.startswith(symbol[:-1])]
            yield from [stream for streams in found for bit, stream in streams.items() if bit & bits]


def _bits_of(channels: Iterable[Channel], windows: Sequence[str]) -> dict[tuple[str, str], int]:
    """Return a power of two for each channel and window that there can be."""
    places = [(channel.name, window) for channel in channels for window in (windows if channel.windowed else ("",))]
    return {place: 1 << number for number, place in enumerate(places)}
