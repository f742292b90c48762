"""Measures every answer."""

from __future__ import annotations

import time

from starlette.types import Message, Receive, Scope, Send

from mdstream.serving.middleware import HttpMiddleware
from mdstream.telemetry.metrics import REST_REQUEST

REQUEST_SECONDS = REST_REQUEST.register()
"""Its `_count` is the number of requests. A route is the template of its path, or `none`."""

_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class Measure(HttpMiddleware):
    """Times requests from the first middleware on, whoever answers them."""

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Of a request that fails before it is answered, somebody else says so, with this status.
        status = 500

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begun = time.perf_counter()
        try:
            await self._app(scope, receive, send_on)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            REQUEST_SECONDS.labels(_route_of(scope), method, status).observe(time.perf_counter() - begun)


def _route_of(scope: Scope) -> str:
    route = scope.get("route")
    return getattr(route, "path_format", "none")
