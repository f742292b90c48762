"""What a request passes before an endpoint sees it: host, origin, size, key and rate."""

from __future__ import annotations

import asyncio
import logging
import math

from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mdstream.serving.access import ANONYMOUS, AccessList, key_of
from mdstream.serving.metrics import REFUSED
from mdstream.serving.rate_limit import RateLimiter, site_of
from mdstream.serving.rest.documentation import DOCUMENTATION, FILES
from mdstream.serving.rest.errors import ApiError, error_answer
from mdstream.serving.rest.pages import CURSOR_HEADER, SOURCE_HEADER

SERVER = "rest"
"""What the API is called in metrics."""

WITHOUT_KEY = frozenset({"/health/live", "/health/ready", DOCUMENTATION, "/openapi.json"}) | FILES
"""Paths for everybody: they say how the API is and how to use it, and nothing of what is stored."""

NAME_IN_SCOPE = "mdstream.client"
"""Where an endpoint finds the name of the client's key in the scope; None if it has none and needs none here."""

_MOST_URL_BYTES = 8_192
_NEVER_LIMITED = "/health/live"
_PREFLIGHT_SECONDS = 600
logger = logging.getLogger(__name__)

Headers = dict[str, str]


class OriginPolicy(CORSMiddleware):
    """Answers requests addressed to this server, and from web pages that may ask, with the headers that CORS wants."""

    def __init__(self, app: ASGIApp, access: AccessList) -> None:
        super().__init__(
            app,
            allow_methods=("GET", "HEAD"),
            allow_headers=("Authorization", "X-API-Key", "If-None-Match"),
            expose_headers=(SOURCE_HEADER, CURSOR_HEADER, "ETag", "Link", "Retry-After"),
            max_age=_PREFLIGHT_SECONDS,
        )
        self._access = access

    def is_allowed_origin(self, origin: str) -> bool:
        """Return whether a web page of `origin` may ask."""
        return self._access.allows_origin(origin)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        if scope["type"] == "http":
            headers = _headers_of(scope)
            refusal = self._refusal(headers)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
            if "origin" not in headers:
                await self.app(scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    def _refusal(self, headers: Headers) -> Response | None:
        if not self._access.allows_host(headers.get("host")):
            message = "this server is not known by that name; serving.allowed_hosts lists its names"
            return _refuse("host", ApiError(403, "host_refused", message))
        if not self._access.allows_origin(headers.get("origin")):
            message = "web pages of this origin may not ask; see serving.allowed_origins"
            return _refuse("origin", ApiError(403, "origin_refused", message))
        return None


class Admission:
    """Refuses requests that are too big, without a key where one is needed, or too many."""

    def __init__(self, app: ASGIApp, access: AccessList, limiter: RateLimiter) -> None:
        self._app = app
        self._access = access
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request or pass it on."""
        if scope["type"] == "http":
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        path, headers = scope["path"], _headers_of(scope)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _MOST_URL_BYTES:
            message = f"the URL is longer than {_MOST_URL_BYTES} bytes"
            return _refuse("url", ApiError(414, "url_too_long", message))
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            # What follows is not read, and so cannot be told from a next request.
            error = ApiError(413, "body_refused", "no endpoint takes a body; send the request without one")
            return _refuse("body", error, {"Connection": "close"})
        name = self._access.name_of(key_of(headers))
        scope[NAME_IN_SCOPE] = name
        if path != _NEVER_LIMITED and (wait := self._limiter.wait(_client_of(scope, name), _now())):
            return _too_many(wait)
        if name is None and path not in WITHOUT_KEY:
            logger.info("refused %s without a known key, from %s", path, scope.get("client"))
            message = "a key is needed, as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'; see mdstream config key"
            return _refuse("key", ApiError(401, "key_refused", message), {"WWW-Authenticate": "Bearer"})
        return None


def _headers_of(scope: Scope) -> Headers:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _client_of(scope: Scope, name: str | None) -> str:
    """Return whose requests are counted together: those of a key, or of an address."""
    if name is not None and name != ANONYMOUS:
        return f"key {name}"
    client = scope.get("client")
    return site_of(client[0]) if client else ANONYMOUS


def _now() -> float:
    return asyncio.get_running_loop().time()


def _too_many(wait: float) -> Response:
    seconds = math.ceil(wait)
    message = f"too many requests; come back in {seconds} s"
    return _refuse("rate", ApiError(429, "too_many_requests", message), {"Retry-After": str(seconds)})


def _refuse(reason: str, error: ApiError, headers: Headers | None = None) -> Response:
    REFUSED.labels(SERVER, reason).inc()
    return error_answer(error, headers)
