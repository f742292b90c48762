"""The last state of each symbol, channel and window, as frames that are made once for all clients."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import orjson
from websockets.frames import Frame, Opcode

from mdstream.serving.websocket.channels import Channel

Pending = dict["Slot", None]
"""What a client is still to get, oldest first."""

_SLOTS_KEPT = 16
_LATE = "late"


def text_frame(payload: bytes) -> bytes:
    r"""Return a WebSocket frame of JSON, as a server sends it.

    Example:
        >>> text_frame(b"{}")
        b'\x81\x02{}'
    """
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


class Slot:
    """One thing that is revised: a bar, say, or a symbol's last trade; clients get its newest revision only.

    Attributes:
        value: The newest revision, as the topic has it.
        sequence: Its number in the stream.
        time: Its place in time.
        revision: What grows with each revision.
        ingested: When the newest tick behind it reached us, in epoch microseconds.
    """

    __slots__ = ("_frame", "_head", "ingested", "revision", "sequence", "time", "value")

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._frame: bytes | None = None
        self.value = b""
        self.sequence = 0
        self.time = 0
        self.revision: int | None = None
        self.ingested: int | None = None

    def put(self, value: bytes, sequence: int, time: int, revision: int | None, ingested: int | None) -> None:
        """Take a newer revision."""
        self.value, self.sequence, self.time, self.revision, self.ingested = value, sequence, time, revision, ingested
        self._frame = None

    @property
    def frame(self) -> bytes:
        """Its newest revision as a frame; made once, when it is first asked for."""
        if self._frame is None:
            self._frame = text_frame(b'%b%d,"data":%b}' % (self._head, self.sequence, self.value))
        return self._frame

    @property
    def snapshot(self) -> bytes:
        """The same, marked as what was there before."""
        return text_frame(b'%b%d,"snapshot":true,"data":%b}' % (self._head, self.sequence, self.value))


class Stream:
    """The records of one symbol, channel and window, numbered from 1 as they come.

    Args:
        channel: Its channel.
        symbol: Its symbol.
        window: Its window; "" where records have none.

    Attributes:
        subscribers: What each client that wants them is still to get.
    """

    def __init__(self, channel: Channel, symbol: str, window: str) -> None:
        self.channel = channel
        self.symbol = symbol
        self.window = window
        self.subscribers: dict[object, Pending] = {}
        self._head = b'{"type":"%b","symbol":%b,"sequence":' % (channel.name.encode(), orjson.dumps(symbol))
        self._sequence = 0
        self._slots: dict[Hashable, Slot] = {}
        self._newest: dict[Hashable, Slot] = {}
        self._last: Slot | None = None

    def take(self, fields: Mapping[str, Any], value: bytes) -> Slot | None:
        """Take a record; return what it changed, None if it is a repeat or older than what is known.

        Raises:
            KeyError: The record lacks what its kind must have.
            TypeError: Its time or revision is not a number.
        """
        channel = self.channel
        time = fields[channel.time_column]
        if not isinstance(time, int):
            raise TypeError("a time is a number of microseconds")
        kind = channel.kind_of(fields)
        newest = self._newest.get(kind)
        slot = self._slot_for(channel.key_of(fields), late=newest is not None and time < newest.time)
        revision = fields[channel.revision_column] if channel.revision_column else None
        if _is_known(slot, revision, value):
            return None
        self._sequence += 1
        ingested = fields.get(channel.ingest_column) if channel.ingest_column else None
        slot.put(value, self._sequence, time, revision, ingested)
        if newest is None or time >= newest.time:
            self._newest[kind] = slot
        self._offer(slot)
        return slot

    def snapshot(self) -> Iterator[Slot]:
        """Yield the newest thing of each kind, in the order in which they came."""
        yield from sorted(self._newest.values(), key=lambda slot: slot.sequence)

    def _slot_for(self, key: Hashable, *, late: bool) -> Slot:
        if late and not self.channel.key_columns:
            # A trade that comes late must not take the place of the newest one.
            key = _LATE
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = Slot(self._head)
            if len(self._slots) > _SLOTS_KEPT:
                del self._slots[next(iter(self._slots))]
        return slot

    def _offer(self, slot: Slot) -> None:
        if slot is self._last:
            for pending in self.subscribers.values():
                pending[slot] = None
            return
        # It goes to the end of the queue, or else numbers would go back.
        for pending in self.subscribers.values():
            pending.pop(slot, None)
            pending[slot] = None
        self._last = slot


def _is_known(slot: Slot, revision: int | None, value: bytes) -> bool:
    if revision is None or slot.revision is None:
        return False
    return revision < slot.revision or (revision == slot.revision and value == slot.value)
