"""Who may see the dashboard, and what its pages may do."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mdstream.serving.access import AccessList, key_of

_BASIC = "basic "
_ASK = {"WWW-Authenticate": 'Basic realm="mdstream, any name and an API key as password", charset="UTF-8"'}


def content_security_policy(script_hashes: Iterable[str]) -> str:
    """Return what a page may load: its own files, its own address, and the inline scripts of these quoted hashes.

    Plotly writes styles into the page, and pictures of itself as data and blobs.
    """
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *script_hashes]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def key_in(headers: Headers) -> str | None:
    """Return the API key of a request: the password of HTTP Basic, under any name, as browsers ask for; or as in REST.

    Example:
        >>> key_in(Headers({"Authorization": "Basic " + base64.b64encode(b"me:mds_x").decode()}))
        'mds_x'
    """
    authorization = headers.get("authorization", "")
    if authorization[: len(_BASIC)].lower() != _BASIC:
        return key_of(headers)
    try:
        _, _, password = base64.b64decode(authorization[len(_BASIC) :], validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password or None


class Protection:
    """Lets in who has a key, if keys are configured, and adds the headers that keep a page to itself.

    Args:
        app: What is protected.
        access: Who may ask.
        policy: The content security policy.
        open_paths: What everybody may ask for.
    """

    def __init__(self, app: ASGIApp, access: AccessList, policy: str, open_paths: Iterable[str] = ()) -> None:
        self._app = app
        self._access = access
        self._open_paths = frozenset(open_paths)
        self._headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_protected)

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        if not self._access.allows_host(headers.get("host")):
            said = "this server is not known by that name; serving.allowed_hosts lists its names\n"
            return PlainTextResponse(said, 403)
        if scope["path"] in self._open_paths or self._access.name_of(key_in(headers)) is not None:
            return None
        return PlainTextResponse("give any name, and an API key of mdstream as password\n", 401, _ASK)
