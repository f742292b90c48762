"""What taking frames apart has in common."""

from __future__ import annotations

from mdstream.feeds.rejects import Reject
from mdstream.feeds.websocket.vendor import Parsed


def number(value: object) -> float | None:
    """Return a number that comes as one or as a text, depending on the vendor and stream.

    Raises:
        TypeError: It is neither.
        ValueError: The text is not a number.

    Example:
        >>> number("61837.63"), number(114), number(None)
        (61837.63, 114.0, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise TypeError(f"{type(value).__name__} where a number was expected")
    return None if value is None else float(value)


def micros(millis: object) -> object:
    """Return an epoch time in microseconds; what is not a whole number stays, and is refused as an event time later.

    Example:
        >>> micros(1_536_036_818_784), micros("soon")
        (1536036818784000, 'soon')
    """
    return millis * 1000 if isinstance(millis, int) else millis


def condition_codes(codes: object) -> object:
    """Return trade conditions as texts; what is not a list stays, and is refused as conditions later.

    Example:
        >>> condition_codes([0, 12]), condition_codes(None)
        (['0', '12'], None)
    """
    return [str(code) for code in codes] if isinstance(codes, list) else codes


def refused(reason: str, frame: bytes) -> Parsed:
    """Return a frame that nothing can be made of."""
    return Parsed(rejects=[Reject(reason, frame)])
