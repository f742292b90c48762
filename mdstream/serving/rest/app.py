"""Puts the API together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import mdstream
from mdstream.config import Settings
from mdstream.serving.access import AccessList
from mdstream.serving.rate_limit import RateLimiter
from mdstream.serving.rest import health, metrics
from mdstream.serving.rest.admission import Admission, OriginPolicy
from mdstream.serving.rest.description import install_description
from mdstream.serving.rest.documentation import install_documentation
from mdstream.serving.rest.errors import install_error_handlers
from mdstream.serving.rest.head import HeadAndCaching
from mdstream.serving.rest.market_data import market_data_router
from mdstream.serving.rest.measure import Measure
from mdstream.serving.rest.stores import Stores
from mdstream.serving.safety import Safety

_DESCRIPTION = """
Market data: latest prices, ticks, bars, indicators, anomalies and forecasts.

Times in answers are ISO 8601 in UTC. `start` and `end` take ISO 8601 or epoch microseconds, and mean
[start, end). Series come newest first, in pages: follow `next_cursor` until it is null, or the `Link` to the next.
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

    access, limits = AccessList(settings.serving), settings.serving.rest
    app = FastAPI(
        title="mdstream",
        version=mdstream.__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    install_error_handlers(app)
    # The last one added is the first to see a request.
    app.add_middleware(Admission, access=access, limiter=RateLimiter(limits.requests_per_second, limits.burst))
    app.add_middleware(OriginPolicy, access=access)
    app.add_middleware(Measure)
    app.add_middleware(HeadAndCaching)
    app.add_middleware(Safety)
    app.include_router(market_data_router(settings.indicator_record))
    app.include_router(health.router)
    app.include_router(metrics.router)
    install_documentation(app)
    install_description(app, [window.name for window in settings.windows], needs_key=not access.is_open)
    return app
