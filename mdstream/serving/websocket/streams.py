"""The last state of each symbol, channel and window, as frames that are made once for all clients."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeAlias

import orjson
from websockets.frames import Frame, Opcode

from mdstream.serving.websocket.channels import Channel

SLOTS_KEPT = 16
_KINDS_KEPT = 256
_LATE = "late"

Order: TypeAlias = tuple[int, ...]


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
        frame: Its newest published revision.
        published: Number of the publication in which it changed last; 0 before its first.
        sequence: Number of its newest revision in the stream.
        order: Its place in time, and among what has the same.
        revision: What grows with each revision.
        ingested: When the newest tick behind it reached us, in epoch microseconds.
    """

    __slots__ = ("_head", "frame", "ingested", "order", "published", "revision", "sequence", "value")

    def __init__(self, head: bytes) -> None:
        self._head = head
        self.frame = b""
        self.published = 0
        self.sequence = 0
        self.order: Order = ()
        self.value = b""
        self.revision: int | None = None
        self.ingested: int | None = None

    def put(self, value: bytes, sequence: int, order: Order, revision: int | None, ingested: int | None) -> None:
        """Take a newer revision."""
        self.value, self.sequence, self.order, self.revision, self.ingested = value, sequence, order, revision, ingested

    def publish(self, publication: int) -> bytes:
        """Make its newest revision a frame, the same for every client."""
        self.published = publication
        self.frame = text_frame(b'%b%d,"data":%b}' % (self._head, self.sequence, self.value))
        return self.frame

    def snapshot(self) -> bytes:
        """Return the same, marked as what was there before."""
        return text_frame(b'%b%d,"snapshot":true,"data":%b}' % (self._head, self.sequence, self.value))


class Stream:
    """The records of one symbol, channel and window, numbered from 1 as they come.

    Args:
        channel: Its channel.
        symbol: Its symbol.
        window: Its window; "" where records have none.
        bit: Its channel and window as a power of two: what a client wants of a symbol is a sum of them.
        revisions_kept: Of how many things more than those that are kept the revision is: a live engine that was killed
            sends its older bars again, from their first revisions on.

    Attributes:
        subscribers: The frames that wait for each client that wants them.
    """

    def __init__(self, channel: Channel, symbol: str, window: str, bit: int, revisions_kept: int = 0) -> None:
        self.channel = channel
        self.symbol = symbol
        self.window = window
        self.bit = bit
        self.subscribers: dict[object, list[bytes]] = {}
        self._head = b'{"type":"%b","symbol":%b,"sequence":' % (channel.name.encode(), orjson.dumps(symbol))
        self._sequence = 0
        self._slots: dict[Hashable, Slot] = {}
        self._newest: dict[Hashable, Slot] = {}
        self._revisions: dict[Hashable, int] = {}
        self._revisions_kept = revisions_kept

    @property
    def last_sequence(self) -> int:
        """Number of the newest record."""
        return self._sequence

    def take(self, fields: Mapping[str, Any], value: bytes, place: tuple[int, int] = (-1, -1)) -> Slot | None:
        """Take a checked record; return what it changed, None if it is a repeat or older than what is known.

        Args:
            fields: Its fields.
            value: Its JSON.
            place: Its partition and offset.
        """
        channel = self.channel
        order = channel.order_of(fields, *place)
        kind = channel.kind_of(fields)
        newest = self._newest.get(kind)
        key = channel.key_of(fields)
        revision = fields[channel.revision_column] if channel.revision_column else None
        if revision is not None and revision < self._revisions.get(key, revision):
            return None
        slot = self._slot_for(key, late=newest is not None and order < newest.order)
        if _is_known(slot, revision, value):
            return None
        self._sequence += 1
        ingested = fields.get(channel.ingest_column) if channel.ingest_column else None
        slot.put(value, self._sequence, order, revision, ingested)
        if newest is None or order >= newest.order:
            self._newest[kind] = slot
            if len(self._newest) > _KINDS_KEPT:
                del self._newest[next(iter(self._newest))]
        return slot

    def newest(self) -> list[Slot]:
        """Return the newest thing of each kind, in the order in which they came."""
        return sorted(self._newest.values(), key=_sequence)

    def published_since(self, publication: int) -> list[Slot]:
        """Return what changed after a publication, in the order in which it came; of much only the last."""
        return sorted((slot for slot in self._slots.values() if slot.published > publication), key=_sequence)

    def published_behind(self, sequence: int) -> list[Slot]:
        """Return what came behind a number, in order; of much only the last."""
        return sorted(
            (slot for slot in self._slots.values() if slot.published and slot.sequence > sequence), key=_sequence
        )

    def _slot_for(self, key: Hashable, *, late: bool) -> Slot:
        if late and self.channel.why_refused is not None:
            # A tick or quote that comes late must not take the place of the newest one.
            key = (_LATE, key)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = Slot(self._head)
            self._revisions.pop(key, None)
            if len(self._slots) > SLOTS_KEPT:
                self._forget(next(iter(self._slots)))
        return slot

    def _forget(self, key: Hashable) -> None:
        """Forget a thing, but not for a while at which revision it was."""
        revision = self._slots.pop(key).revision
        if revision is not None and self._revisions_kept:
            self._revisions[key] = revision
            if len(self._revisions) > self._revisions_kept:
                del self._revisions[next(iter(self._revisions))]


def _sequence(slot: Slot) -> int:
    return slot.sequence


def _is_known(slot: Slot, revision: int | None, value: bytes) -> bool:
    if revision is None or slot.revision is None:
        return False
    return revision < slot.revision or (revision == slot.revision and value == slot.value)
