"""Records and messages that are nearly right, and less and less so: the same for the same seed."""

from __future__ import annotations

import json
import os
import struct
from random import Random

from mdstream.schemas import Record
from tests.wrong_records import good

COUNT = int(os.environ.get("MDSTREAM_TEST_MUTATIONS", "300"))
"""How many of each kind are sent: 100000 for a long attack by hand."""

IS_LONG = COUNT >= 10_000

_LONGEST = 900_000  # of what Kafka takes

_ODD: tuple[object, ...] = (
    *(None, True, False, 0, -1, 2**31, 2**53 + 1, 2**62, 2**63, 2**64 - 1, 10**30),
    *(-1.5, 5e-324, 1e308, float("nan"), float("inf")),
    *("", "x", "A" * 33, "A" * 5000, "\x00", "\ud800", "é", "1", "NaN", "2026-01-02T00:00:00Z", "<b>", "*"),
    *([], [1], ["@"] * 100, [[]], {}, {"a": {}}),
)
_DEEP = b"[" * 2_000


def record(kind: Record, random: Random) -> bytes:
    """Return a record of which some fields are odd, or bytes are."""
    fields = good(kind)
    for _ in range(random.randint(1, 3)):
        name = random.choice(kind.schema.names)
        if random.random() < 0.2:
            fields.pop(name, None)
        else:
            fields[name] = random.choice(_ODD)
    return _damaged(json.dumps(fields).encode(), random)[:_LONGEST]


def message(random: Random) -> bytes:
    """Return what a client might say to the WebSocket server."""
    fields: dict[str, object] = {
        "type": random.choice(["subscribe", "unsubscribe", "ping", "auth", "x"]),
        "symbols": [random.choice(["AAPL", "*", "A*", "", "é"]) for _ in range(random.randint(0, 3))],
        "channels": random.choice([["tick"], ["bar", "anomaly"], [], ["x"], "tick"]),
        "windows": random.choice([["1min"], ["x"], []]),
    }
    for _ in range(random.randint(0, 2)):
        fields[random.choice(list(fields))] = random.choice(_ODD)
    return _damaged(json.dumps(fields).encode(), random)[:_LONGEST]


def frame(random: Random) -> bytes:
    """Return a WebSocket frame of any kind around it: of data, of control, and of what the protocol does not know."""
    payload = message(random) if random.random() < 0.8 else random.randbytes(random.randint(0, 130))
    opcode = random.choice([1, 1, 1, 1, 2, 0, 9, 10, 8, random.randint(0, 15)])
    is_last = 0x80 if random.random() < 0.95 else 0
    reserved = random.choice([0x10, 0x20, 0x40]) if random.random() < 0.02 else 0
    first = opcode | is_last | reserved
    length = len(payload) if random.random() < 0.98 else random.randint(0, 2**16 - 1)
    if length < 126:
        head = bytes([first, 0x80 | length])
    elif length < 2**16:
        head = struct.pack(">BBH", first, 0x80 | 126, length)
    else:
        head = struct.pack(">BBQ", first, 0x80 | 127, length)
    # The mask is of zeros.
    return head + bytes(4) + payload


def _damaged(value: bytes, random: Random) -> bytes:
    kind, place = random.random(), random.randrange(len(value) + 1)
    if kind < 0.5:
        return value
    if kind < 0.7:
        return value[:place] + random.randbytes(random.randint(1, 4)) + value[place + random.randint(0, 4) :]
    if kind < 0.8:
        return value[:place]
    if kind < 0.9:
        return value[:place] + value[place:] * random.randint(2, 20)
    return value[:place] + random.choice([_DEEP, b"\xff\xfe", b"\x00", b"}", b"{}", b" " * 5_000]) + value[place:]
