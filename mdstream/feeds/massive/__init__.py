"""Past trades and bars of Massive, over its REST API."""

from mdstream.feeds.massive.backfill import Span, TradeBackfill
from mdstream.feeds.massive.history import MassiveHistory
from mdstream.feeds.massive.progress import BackfillProgress, Place
from mdstream.feeds.massive.rest import AccessError, MassiveRest, Page

__all__ = ["AccessError", "BackfillProgress", "MassiveHistory", "MassiveRest", "Page", "Place", "Span", "TradeBackfill"]
