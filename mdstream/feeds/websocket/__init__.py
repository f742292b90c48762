"""Feeds that push trades or bars over a WebSocket: one supervisor for all, and what is special about each vendor."""

from mdstream.feeds.websocket.binance import BinanceVendor
from mdstream.feeds.websocket.feed import WebSocketFeed
from mdstream.feeds.websocket.finage import FinageVendor
from mdstream.feeds.websocket.fmp import FmpVendor
from mdstream.feeds.websocket.massive import MassiveVendor
from mdstream.feeds.websocket.vendor import EvictedError, Parsed, Vendor

__all__ = [
    "BinanceVendor",
    "EvictedError",
    "FinageVendor",
    "FmpVendor",
    "MassiveVendor",
    "Parsed",
    "Vendor",
    "WebSocketFeed",
]
