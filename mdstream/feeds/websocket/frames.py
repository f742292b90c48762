"""What taking frames apart has in common."""

from __future__ import annotations

from mdstream.feeds.rejects import Reject
from mdstream.feeds.websocket.venue import Parsed


def number(value: object) -> float | None:
    """Return a number that comes as one or as a text, depending on the vendor and stream.

    Raises:
        TypeError: It is neither.
        ValueError: The text is no number.

    Example:
        >>> number("61837.63"), number(114), number(None)
        (61837.63, 114.0, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise TypeError(f"{type(value).__name__} where a number was expected")
    return None if value is None else float(value)


def refused(reason: str, frame: bytes) -> Parsed:
    """Return a frame that nothing can be made of."""
    return Parsed(rejects=[Reject(reason, frame)])
