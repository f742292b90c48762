"""Binance's best bid and offer."""

from __future__ import annotations

from collections.abc import Mapping

from mdstream.feeds.base import WireQuote
from mdstream.feeds.websocket.frames import micros, number

_FIELDS = frozenset("usbBaA")


def is_quote(event: Mapping[str, object]) -> bool:
    """Return whether an event is of the stream `@bookTicker`, which on the spot market has no name of its own.

    Example:
        >>> is_quote({"u": 1, "s": "BNBUSDT", "b": "25.35", "B": "31.21", "a": "25.36", "A": "40.66"})
        True
    """
    return event.get("e") == "bookTicker" or ("e" not in event and event.keys() >= _FIELDS)


def quote_of_event(event: Mapping[str, object]) -> WireQuote:
    """Return an event of the stream `@bookTicker` as a quote, not judged yet.

    Futures tell when it was; the spot market does not.

    Raises:
        TypeError: A field is of a type that no quote has.
        ValueError: A field is a text that no quote has.
        OverflowError: A number is too large.

    Example:
        >>> event = {"u": 7, "s": "BNBUSDT", "b": "25.35190000", "B": "31.2", "a": "25.36520000", "A": "40.66"}
        >>> quote = quote_of_event(event)
        >>> quote["bid"], quote["ask_size"], quote["sequence"], "event_time" in quote
        (25.3519, 40.66, 7, False)
    """
    quote: WireQuote = {
        "symbol": event.get("s"),
        "bid": number(event.get("b")),
        "ask": number(event.get("a")),
        "bid_size": number(event.get("B")),
        "ask_size": number(event.get("A")),
        "exchange": "BINANCE",
        "sequence": event.get("u"),
    }
    return quote | {"event_time": micros(event["T"])} if "T" in event else quote
