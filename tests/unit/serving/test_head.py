"""HEAD, OPTIONS and caching: what every path answers."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

from mdstream.config import ServingSettings, Settings
from mdstream.serving.rest import create_app
from tests.servers.serving.direct import asking

pytestmark = pytest.mark.anyio

PATHS = [
    "/health/live",
    "/metrics",
    "/openapi.json",
    "/api/v1/latest/AAPL",
    "/api/v1/aggregated/AAPL?window=nope",
    "/no",
]


@pytest.mark.parametrize("path", PATHS)
async def test_head_is_get_without_the_body(client: AsyncClient, path: str) -> None:
    get, head = await client.get(path), await client.head(path)
    assert head.status_code == get.status_code
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]
    assert "cache-control" in get.headers
    assert head.headers["cache-control"] == get.headers["cache-control"]


async def test_what_is_live_is_kept_by_no_cache(client: AsyncClient) -> None:
    assert (await client.get("/health/live")).headers["cache-control"] == "no-store"


async def test_options_says_what_may_be_asked(client: AsyncClient) -> None:
    options, post = await client.options("/api/v1/latest/AAPL"), await client.post("/api/v1/latest/AAPL")
    assert (options.status_code, options.content) == (204, b"")
    assert post.status_code == 405
    assert options.headers["allow"] == post.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_a_preflight_is_answered_for_the_origins_that_are_configured() -> None:
    desk = "https://desk.example.com"
    app = create_app(Settings(serving=ServingSettings(allowed_origins=(desk,))))
    async with asking(app) as client:
        asked = {"Access-Control-Request-Method": "HEAD"}
        allowed = await client.options("/api/v1/latest/AAPL", headers={"Origin": desk, **asked})
        refused = await client.options("/api/v1/latest/AAPL", headers={"Origin": "https://evil.example", **asked})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, desk)
    assert "HEAD" in allowed.headers["access-control-allow-methods"]
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
