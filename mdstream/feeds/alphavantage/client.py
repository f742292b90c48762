"""Asks over HTTP, so that nobody but the server sees the key."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from pydantic import SecretStr

from mdstream.errors import FeedError
from mdstream.feeds.alphavantage.failures import LaterError

_OK = 200
_TRY_AGAIN = frozenset({408, 425, 429})
_SERVER_ERRORS = 500


class _KeyedTransport(httpx.AsyncBaseTransport):
    """Puts the key into the address below where httpx logs it and its errors hold it."""

    def __init__(self, api_key: SecretStr, proxy: str | None) -> None:
        self._api_key = api_key
        self._inner = httpx.AsyncHTTPTransport(proxy=proxy)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        keyed = request.url.copy_merge_params({"apikey": self._api_key.get_secret_value()})
        return await self._inner.handle_async_request(
            httpx.Request(
                request.method, keyed, headers=request.headers, stream=request.stream, extensions=request.extensions
            )
        )

    async def aclose(self) -> None:
        await self._inner.aclose()


def open_client(url: str, api_key: SecretStr, timeout_seconds: float) -> httpx.AsyncClient:
    """Return a client of `url`, through the proxy that the environment names, if any."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = None if proxy_bypass(parts.hostname or "") else proxies.get(parts.scheme, proxies.get("all"))
    return httpx.AsyncClient(base_url=url, transport=_KeyedTransport(api_key, proxy), timeout=timeout_seconds)


async def ask(client: httpx.AsyncClient, parameters: dict[str, str]) -> bytes:
    """Return the body of an answer with HTTP 200.

    Raises:
        LaterError: There was no answer, or one that says to ask again later.
        FeedError: The server refuses us for good.
    """
    try:
        response = await client.get("", params=parameters)
    except httpx.RequestError as exc:
        raise LaterError(str(exc) or type(exc).__name__) from exc
    if response.status_code == _OK:
        return response.content
    reason = f"HTTP {response.status_code} {response.reason_phrase}"
    if response.status_code in _TRY_AGAIN or response.status_code >= _SERVER_ERRORS:
        asked_for = response.headers.get("Retry-After", "")
        raise LaterError(reason, float(asked_for) if asked_for.isdecimal() else 0.0)
    raise FeedError(f"alphavantage refuses us: {reason}; check feeds.alphavantage and your plan")
