"""Puts the dashboard together: the page, what it asks for, and what protects both."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import orjson
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from mdstream.config import Settings
from mdstream.errors import MissingDependencyError
from mdstream.schemas.limits import SYMBOL_PATTERN
from mdstream.serving.access import AccessList
from mdstream.serving.dashboard.market_view import MarketView
from mdstream.serving.dashboard.page import create_page
from mdstream.serving.dashboard.pages_of_dash import OnlyUsed
from mdstream.serving.dashboard.protection import Protection, content_security_policy

if importlib.util.find_spec("a2wsgi") is None:
    raise MissingDependencyError.for_extra("a2wsgi", "dashboard")

from a2wsgi import WSGIMiddleware

_SYMBOL = re.compile(SYMBOL_PATTERN)
_VERSION = re.compile("[0-9]{1,18}")
_ALIVE = "/health/live"
_SMALLEST_COMPRESSED = 2_000


def create_dashboard(settings: Settings) -> ASGIApp:
    """Return the dashboard as an application for `mdstream.serving.server.serve`.

    It asks the REST API for history and the WebSocket server for what happens now; pages ask only the dashboard.
    Nothing is connected before it starts, and it starts without its servers: pages say what is missing.
    """
    view = MarketView(settings)
    windows = frozenset(window.name for window in settings.windows)

    async def live(request: Request) -> Response:
        asked = request.query_params
        symbol, window, since = asked.get("symbol", ""), asked.get("window", ""), asked.get("since", "0")
        if (symbol and not _SYMBOL.fullmatch(symbol)) or window not in windows:
            return Response("expected a symbol, or none, and a configured window\n", 422)
        if not _VERSION.fullmatch(since):
            return Response("expected since to be a number of at most 18 digits\n", 422)
        answer = await view.answer(symbol, window, int(since), asked.get("epoch", ""))
        return Response(orjson.dumps(answer), media_type="application/json", headers={"Cache-Control": "no-store"})

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
    app = Starlette(routes=[Route("/live", live), Route(_ALIVE, alive), Mount("/", of_dash)], lifespan=lifespan)
    protected = Protection(
        app, AccessList(settings.serving), content_security_policy(page.csp_hashes()), open_paths=(_ALIVE,)
    )
    return GZipMiddleware(protected, minimum_size=_SMALLEST_COMPRESSED)
