"""Puts the dashboard together: the page, what it asks for, and what protects both."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from mdstream.config import Settings
from mdstream.errors import MissingDependencyError
from mdstream.serving.access import AccessList
from mdstream.serving.dashboard.market_view import MarketView
from mdstream.serving.dashboard.page import create_page
from mdstream.serving.dashboard.pages_of_dash import OnlyUsed
from mdstream.serving.dashboard.protection import Protection, content_security_policy
from mdstream.serving.dashboard.questions import Questions

if importlib.util.find_spec("a2wsgi") is None:
    raise MissingDependencyError.for_extra("a2wsgi", "dashboard")

from a2wsgi import WSGIMiddleware

_ALIVE = "/health/live"
_SMALLEST_COMPRESSED = 2_000


def create_dashboard(settings: Settings) -> ASGIApp:
    """Return the dashboard as an application for `mdstream.serving.server.serve`.

    It asks the REST API for history and the WebSocket server for what happens now; pages ask only the dashboard.
    Nothing is connected before it starts, and it starts without its servers: pages say what is missing.
    """
    view = MarketView(settings)
    questions = Questions(view, [window.name for window in settings.windows])

    async def alive(_: Request) -> Response:
        return Response('{"status":"alive"}', media_type="application/json")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await view.start()
        try:
            yield
        finally:
            await view.stop()

    page = create_page(settings)
    of_dash = OnlyUsed(cast("ASGIApp", WSGIMiddleware(page.server)), page)
    routes = [
        Route("/live", questions.live),
        Route("/history", questions.history),
        Route(_ALIVE, alive),
        Mount("/", of_dash),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    protected = Protection(
        app, AccessList(settings.serving), content_security_policy(page.csp_hashes()), open_paths=(_ALIVE,)
    )
    return GZipMiddleware(protected, minimum_size=_SMALLEST_COMPRESSED)
