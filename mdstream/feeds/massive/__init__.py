"""Past trades and bars of Massive, over its REST API."""

from mdstream.feeds.massive.backfill import Span, TradeBackfill
from mdstream.feeds.massive.progress import BackfillProgress, Place
from mdstream.feeds.massive.rest import MassiveRest, Page, PlanError

__all__ = ["BackfillProgress", "MassiveRest", "Page", "Place", "PlanError", "Span", "TradeBackfill"]
