"""Massive's best bid and offer of all exchanges."""

from __future__ import annotations

from collections.abc import Mapping

from mdstream.feeds.base import WireQuote
from mdstream.feeds.websocket.frames import micros


def quote_of_event(event: Mapping[str, object]) -> WireQuote:
    """Return an event `Q` of the WebSocket as a quote, not judged yet.

    Sizes are in shares, as Massive has sent them since 2025-11-03; in round lots before. The two sides may be of
    different exchanges, so that it is a quote of none.

    Example:
        >>> quote = quote_of_event({"ev": "Q", "sym": "MSFT", "bp": 114.125, "bs": 100, "ap": 114.128, "as": 160})
        >>> quote["bid"], quote["bid_size"], quote["ask"], quote["ask_size"], quote["exchange"]
        (114.125, 100, 114.128, 160, None)
    """
    return {
        "symbol": event.get("sym"),
        "event_time": micros(event.get("t")),
        "bid": event.get("bp"),
        "ask": event.get("ap"),
        "bid_size": event.get("bs"),
        "ask_size": event.get("as"),
        "exchange": None,
        "sequence": event.get("q"),
    }
