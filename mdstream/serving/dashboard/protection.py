"""Who may see the dashboard, and what its pages may do."""

from __future__ import annotations

import base64
import binascii
import math
import time
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mdstream.serving.access import ANONYMOUS, AccessList, key_of
from mdstream.serving.metrics import REFUSED
from mdstream.serving.rate_limit import RateLimiter, site_of
from mdstream.serving.safety_headers import safety_headers

_BASIC = "basic "
_METHODS = ("GET", "HEAD")
_MOST_URL_BYTES = 8_192
# A page asks at most twenty times a second: of fifty pages behind one address none is refused.
_REQUESTS_PER_SECOND = 1_000
_BURST = 2_000
_ASK = {"WWW-Authenticate": 'Basic realm="mdstream, any name and an API key as password", charset="UTF-8"'}


def content_security_policy(script_hashes: Iterable[str]) -> str:
    """Return what a page may load: its own files, its own address, and the inline scripts of these quoted hashes.

    Dash and the chart's library write styles into the page, and pictures in styles are data.
    """
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *script_hashes]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
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

    Requests that are too big or too many, or that no page makes, come no further.

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
        self._limiter = RateLimiter(_REQUESTS_PER_SECOND, _BURST)
        self._headers = safety_headers(policy)

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
        if (refusal := _oversize(scope, headers)) is not None:
            return refusal
        if not self._access.allows_host(headers.get("host")):
            said = "this server is not known by that name; serving.allowed_hosts lists its names\n"
            return PlainTextResponse(said, 403)
        if scope["path"] in self._open_paths:
            return None
        name = self._access.name_of(key_in(headers))
        if wait := self._limiter.wait(_client_of(scope, name), time.monotonic()):
            seconds = str(math.ceil(wait))
            said = f"too many requests; come back in {seconds} s\n"
            return _refused("rate", said, 429, **{"Retry-After": seconds})
        if name is not None:
            return None
        REFUSED.labels("dashboard", "key").inc()
        return PlainTextResponse("give any name, and an API key of mdstream as password\n", 401, _ASK)


def _client_of(scope: Scope, name: str | None) -> str:
    """Return whose requests are counted together: those of a key, or of an address."""
    if name is not None and name != ANONYMOUS:
        return f"key {name}"
    client = scope.get("client")
    return site_of(client[0]) if client else ANONYMOUS


def _oversize(scope: Scope, headers: Headers) -> PlainTextResponse | None:
    """Refuse what no page of ours sends: a long URL, a body, another method than GET."""
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _MOST_URL_BYTES:
        return _refused("url", f"the URL is longer than {_MOST_URL_BYTES} bytes\n", 414)
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        # What follows is not read, and so cannot be told from a next request.
        return _refused("body", "nothing here takes a body; send the request without one\n", 413, Connection="close")
    if scope["method"] not in _METHODS:
        return _refused("method", "only GET is answered\n", 405, Allow=", ".join(_METHODS))
    return None


def _refused(reason: str, said: str, status: int, **headers: str) -> PlainTextResponse:
    REFUSED.labels("dashboard", reason).inc()
    return PlainTextResponse(said, status, headers)
