"""Ends, prices and volumes of bars that are closed, as they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from mdstream.config import TimescaleSettings
from mdstream.schemas import BAR
from mdstream.stores.timescaledb.connection import query_rows
from mdstream.stores.timescaledb.definitions import table_of

CLOSED_COLUMNS = ("window_end", "close", "volume")
"""What is read of a closed bar, in this order."""


class ClosedBarRows:
    """Bars of a window whose time has passed by the clock. Bars that are revised later are read as they are then.

    Each method raises StoreUnavailableError if the database cannot be reached, and StoreError if it has no such table.

    Args:
        settings: The database.
        window: Name of the window.
    """

    def __init__(self, settings: TimescaleSettings, window: str) -> None:
        self._settings = settings
        self._window = window

    def symbols(self, start: datetime) -> list[str]:
        """Return the symbols that have bars from `start` on."""
        table = table_of(BAR)
        query = sa.select(table.c.symbol).where(table.c.window == self._window, table.c.window_start >= start)
        return [row[0] for row in query_rows(self._settings, query.distinct().order_by(table.c.symbol))]

    def since(self, symbol: str, start: datetime, now: datetime) -> Sequence[Sequence[Any]]:
        """Return `CLOSED_COLUMNS` of the bars of a symbol that start at `start` or later, the newest first."""
        return query_rows(self._settings, self._closed(symbol, now).where(table_of(BAR).c.window_start >= start))

    def last(self, symbol: str, count: int, now: datetime) -> Sequence[Sequence[Any]]:
        """Return `CLOSED_COLUMNS` of the last `count` bars of a symbol, the newest first."""
        return query_rows(self._settings, self._closed(symbol, now).limit(count))

    def newest_time(self, now: datetime) -> datetime | None:
        """Return where the newest bar ends, of whatever symbol; None if there is none."""
        table = table_of(BAR)
        rows = query_rows(
            self._settings,
            sa.select(table.c.window_end)
            .where(table.c.window == self._window, table.c.window_end <= now)
            .order_by(table.c.window_start.desc())
            .limit(1),
        )
        return rows[0][0] if rows else None

    def _closed(self, symbol: str, now: datetime) -> sa.Select[Any]:
        table = table_of(BAR)
        return (
            sa.select(*(table.c[name] for name in CLOSED_COLUMNS))
            .where(table.c.symbol == symbol, table.c.window == self._window, table.c.window_end <= now)
            # Said again of the column by which partitions are chosen.
            .where(table.c.window_start < now)
            .order_by(table.c.window_start.desc())
        )
