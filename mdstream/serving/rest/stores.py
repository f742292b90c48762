"""What the endpoints answer from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Request

from mdstream.config import Settings
from mdstream.errors import did_you_mean
from mdstream.schemas import Record
from mdstream.serving.rest.errors import invalid_parameter
from mdstream.serving.rest.latest import LatestRecords
from mdstream.serving.rest.symbols import SymbolDirectory
from mdstream.stores.timescaledb.reading import Database


@dataclass(frozen=True)
class Stores:
    """The stores of one running API.

    Attributes:
        database: Everything that is stored.
        newest: The newest records.
        symbols: Which symbols there are.
        windows: Names of the configured windows.
        indicators: The record of the configured indicators.
        settled_after: How long after its end a range of time may still change.
    """

    database: Database
    newest: LatestRecords
    symbols: SymbolDirectory
    windows: tuple[str, ...]
    indicators: Record
    settled_after: timedelta

    @classmethod
    def open(cls, settings: Settings) -> Stores:
        """Make the pools; connections are opened when the first request needs them."""
        serving, indicators = settings.serving, settings.indicator_record
        database = Database(settings.stores.timescaledb, serving.database_connections, settings.table_records)
        return cls(
            database=database,
            newest=LatestRecords(settings.stores.redis, serving.redis_connections, indicators),
            symbols=SymbolDirectory(database),
            windows=tuple(window.name for window in settings.windows),
            indicators=indicators,
            settled_after=timedelta(
                seconds=settings.ticks.allowed_lateness_seconds + max(window.seconds for window in settings.windows)
            ),
        )

    def known_window(self, window: str | None) -> str:
        """Return the window, the first one for None.

        Raises:
            ApiError: It is not configured (422).
        """
        name = self.windows[0] if window is None else window
        if name not in self.windows:
            hint = did_you_mean(name, self.windows)
            raise invalid_parameter("window", f"no such window is configured; {hint}", known=self.windows)
        return name

    async def close(self) -> None:
        """Close all connections."""
        await self.newest.close()
        await self.database.close()
        await self.symbols.close()


async def _stores(request: Request) -> Stores:
    stores: Stores = request.app.state.stores
    return stores


OpenStores = Annotated[Stores, Depends(_stores)]
"""An endpoint's parameter of this type is given the stores of its application."""
