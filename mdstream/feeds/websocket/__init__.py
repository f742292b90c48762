"""Feeds that push trades or bars over a WebSocket: one supervisor for all, a venue for what is special about each."""

from mdstream.feeds.websocket.binance import BinanceVenue
from mdstream.feeds.websocket.feed import WebSocketFeed
from mdstream.feeds.websocket.finage import FinageVenue
from mdstream.feeds.websocket.fmp import FmpVenue
from mdstream.feeds.websocket.massive import MassiveVenue
from mdstream.feeds.websocket.venue import EvictedError, Parsed, Venue

__all__ = [
    "BinanceVenue",
    "EvictedError",
    "FinageVenue",
    "FmpVenue",
    "MassiveVenue",
    "Parsed",
    "Venue",
    "WebSocketFeed",
]
