"""What the endpoints answer from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from mdstream.config import Settings
from mdstream.serving.rest.database import Database
from mdstream.serving.rest.prices import LatestPrices
from mdstream.serving.rest.symbols import SymbolDirectory


@dataclass(frozen=True)
class Stores:
    """The stores of one running API.

    Attributes:
        database: Ticks and bars.
        prices: Newest ticks.
        symbols: Which symbols there are.
        windows: Names of the configured windows.
    """

    database: Database
    prices: LatestPrices
    symbols: SymbolDirectory
    windows: tuple[str, ...]

    @classmethod
    def open(cls, settings: Settings) -> Stores:
        """Make the pools; connections are opened when the first request needs them."""
        database = Database(settings.stores.timescaledb, settings.serving.database_connections)
        return cls(
            database=database,
            prices=LatestPrices(settings.stores.redis, settings.serving.redis_connections),
            symbols=SymbolDirectory(database),
            windows=tuple(window.name for window in settings.windows),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self.prices.close()
        await self.database.close()
        await self.symbols.close()


async def _stores(request: Request) -> Stores:
    stores: Stores = request.app.state.stores
    return stores


OpenStores = Annotated[Stores, Depends(_stores)]
"""An endpoint's parameter of this type is given the stores of its application."""
