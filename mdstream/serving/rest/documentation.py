"""The page that shows every endpoint, to try: Swagger UI with its files from here, and nothing of other sites."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, Response

from mdstream.serving.safety_headers import safety_headers

DOCUMENTATION = "/docs"
"""Where the page is."""

_MEDIA_TYPES = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon.png": "image/png",
}
FILES = frozenset(f"{DOCUMENTATION}/{name}" for name in _MEDIA_TYPES)
"""What the page loads."""

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_A_DAY = {"Cache-Control": "public, max-age=86400"}


def install_documentation(app: FastAPI) -> None:
    """Let `app` answer `/docs` and what that page loads.

    Example:
        >>> app = FastAPI(docs_url=None)
        >>> install_documentation(app)
        >>> app.url_path_for("documentation")
        '/docs'
    """
    router = APIRouter(include_in_schema=False)
    page = get_swagger_ui_html(
        openapi_url=str(app.openapi_url),
        title=app.title,
        swagger_js_url=f"{DOCUMENTATION}/swagger-ui-bundle.js",
        swagger_css_url=f"{DOCUMENTATION}/swagger-ui.css",
        swagger_favicon_url=f"{DOCUMENTATION}/favicon.png",
    )
    text = bytes(page.body).decode()
    headers = dict(safety_headers(_policy_of(text)))

    @router.get(DOCUMENTATION)
    async def documentation() -> HTMLResponse:
        return HTMLResponse(text, headers=headers)

    for name, media_type in _MEDIA_TYPES.items():
        # The wheel brings them as they are published, so that no page of ours runs what another site serves.
        content = files("fastapi_offline").joinpath("static", name).read_bytes()
        router.add_api_route(f"{DOCUMENTATION}/{name}", _file(content, media_type))
    app.include_router(router)


def _file(content: bytes, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def file() -> Response:
        return Response(content, media_type=media_type, headers=_A_DAY)

    return file


def _policy_of(page: str) -> str:
    """Return what the page may do: run its own script, and ask this server."""
    digests = (hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(page))
    scripts = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {scripts}",
            # Swagger UI writes styles into the page, and has its pictures as data.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
