"""What of Dash's own server a page needs; the rest of it is not there for anybody."""

from __future__ import annotations

import importlib.util

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from mdstream.errors import MissingDependencyError
from mdstream.serving.metrics import REFUSED

if importlib.util.find_spec("dash") is None:
    raise MissingDependencyError.for_extra("dash", "dashboard")

from dash import Dash
from dash.fingerprint import check_fingerprint

_PAGE = frozenset({"/", "/_dash-layout", "/_dash-dependencies", "/_favicon.ico"})
_ASSETS = "/assets/"
_SCRIPTS = "/_dash-component-suites/"


class OnlyUsed:
    """Passes on what a page asks for: itself, its layout, its assets and the scripts that Dash has listed for it.

    All that happens on the page happens in its scripts, so no callback is called here.

    Args:
        app: Dash's server.
        page: The application that it serves.
    """

    def __init__(self, app: ASGIApp, page: Dash) -> None:
        self._app = app
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and not self._is_used(scope["path"]):
            REFUSED.labels("dashboard", "path").inc()
            await PlainTextResponse("nothing is here; the dashboard is at /\n", 404)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_used(self, path: str) -> bool:
        if path.startswith(_SCRIPTS):
            package, _, name = path.removeprefix(_SCRIPTS).partition("/")
            listed = self._page.registered_paths
            # Looked for first, as asking would list the package.
            return package in listed and check_fingerprint(name)[0] in listed[package]  # type: ignore[no-untyped-call]
        return path in _PAGE or path.startswith(_ASSETS)
