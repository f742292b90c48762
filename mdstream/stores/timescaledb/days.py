"""Days, UTC, as upkeep counts them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from mdstream.config import TimescaleSettings


def midnight(day: date) -> datetime:
    """Return the first instant of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def cutoff_of(settings: TimescaleSettings, today: date) -> date:
    """Return the first day whose rows are kept."""
    return today - timedelta(days=settings.retention_days)


def span(days: Iterable[date]) -> str:
    """Return how many days there are, and from when to when.

    Example:
        >>> span([date(2013, 10, 8), date(2013, 10, 7)])
        '2 days 2013-10-07 to 2013-10-08'
    """
    ordered = sorted(days)
    if len(ordered) == 1:
        return f"{ordered[0]}"
    return f"{len(ordered)} days {ordered[0]} to {ordered[-1]}"
