"""Puts the API together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import mdstream
from mdstream.config import Settings
from mdstream.serving.rest import health, market_data
from mdstream.serving.rest.errors import install_error_handlers
from mdstream.serving.rest.stores import Stores

_DESCRIPTION = """
Latest prices, ticks and bars of market data.

Times in answers are ISO 8601 in UTC. `start` and `end` take ISO 8601 or epoch microseconds, and mean
[start, end). Series come newest first, in pages: follow `next_cursor` until it is null.
Every error has the body `{"error": {"code", "message", "field"?, "known"?, "servers"?}}`.
"""


def create_app(settings: Settings) -> FastAPI:
    """Return the REST API over the stores that `settings` name.

    Nothing is connected before the application starts, and it starts without its servers: requests answer 503
    until they are there.

    Example:
        >>> create_app(Settings()).url_path_for("live")
        '/health/live'
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        stores = Stores.open(settings)
        app.state.stores = stores
        try:
            yield
        finally:
            await stores.close()

    app = FastAPI(title="mdstream", version=mdstream.__version__, description=_DESCRIPTION, lifespan=lifespan)
    install_error_handlers(app)
    app.include_router(market_data.router)
    app.include_router(health.router)
    return app
