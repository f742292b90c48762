"""Input that cannot be used, and how it is written to the dead letter topic."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from mdstream.schemas.limits import MAX_DEAD_LETTER_BYTES
from mdstream.schemas.wire import encode

_BASE64 = "base64:"
_LONGEST = MAX_DEAD_LETTER_BYTES - 4096  # Kafka wraps a little around each message
_CUT_CHARACTERS = MAX_DEAD_LETTER_BYTES // 8
"""Characters kept of a payload that is too long: JSON makes at most six bytes of one."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Input that cannot be used.

    Attributes:
        reason: What was found and what was expected, see `mdstream.schemas.limits.Reason`.
        payload: The input as it was.
        row: Its place in the file it came from, where it came from one.
    """

    reason: str
    payload: bytes
    row: int | None = None


def as_text(payload: bytes) -> str:
    """Return the payload as text; `base64:` and its base64 if it is not UTF-8 or could be taken for that.

    Example:
        >>> as_text(b"AAPL,-1"), as_text(bytes([255]))
        ('AAPL,-1', 'base64:/w==')
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return _BASE64 + base64.b64encode(payload).decode()
    return _BASE64 + base64.b64encode(payload).decode() if text.startswith(_BASE64) else text


def encode_dead_letter(reject: Reject, source: str, received_time: int) -> bytes:
    """Return the dead letter of refused input: whole, unless not even the dead letter topic can take it.

    Args:
        reject: What was refused.
        source: The feed it came from.
        received_time: When it reached us, in epoch microseconds.
    """
    letter = {"source": source, "reason": reject.reason, "payload": as_text(reject.payload)}
    encoded = encode({**letter, "received_time": received_time})
    if len(encoded) <= _LONGEST:
        return encoded
    letter["payload"] = letter["payload"][:_CUT_CHARACTERS]
    letter["reason"] += f" (only the first {_CUT_CHARACTERS} characters are kept)"
    return encode({**letter, "received_time": received_time})
