"""Who and what is let through to the endpoints, and that everything refused is counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from prometheus_client import REGISTRY

from mdstream.config import ServingSettings, Settings
from mdstream.serving.access import entry_for
from mdstream.serving.rest import create_app
from tests.servers.serving.direct import asking

pytestmark = pytest.mark.anyio

KEY = "mds_open-sesame"
KNOWN = {"Authorization": f"Bearer {KEY}"}
CLOSED = {"api_keys": [entry_for("desk", KEY), entry_for("bot", "mds_other")]}
WINDOWS = "/api/v1/aggregated/AAPL?window=nope"
"""Answered with 422 by the endpoint itself, without any server."""


def api(**serving: object) -> FastAPI:
    return create_app(Settings(serving=ServingSettings.model_validate(serving)))


def code(answer: Response) -> str:
    found: str = answer.json()["error"]["code"]
    return found


@pytest.fixture
def refused() -> Callable[[], dict[str, float]]:
    """How many more were refused since the test began, by reason."""

    def read() -> dict[str, float]:
        metric = next(metric for metric in REGISTRY.collect() if metric.name == "serving_refused")
        samples = [s for s in metric.samples if s.name.endswith("_total") and s.labels["server"] == "rest"]
        return {s.labels["reason"]: s.value for s in samples}

    before = read()
    return lambda: {
        reason: count - before.get(reason, 0) for reason, count in read().items() if count != before.get(reason, 0)
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (KNOWN, 422),
        ({"X-API-Key": KEY}, 422),
        ({"X-API-Key": "mds_other"}, 422),
        ({}, 401),
        ({"Authorization": f"Bearer {KEY}x"}, 401),
        ({"Authorization": f"Basic {KEY}"}, 401),
        ({"X-API-Key": ""}, 401),
        ({"Cookie": f"key={KEY}"}, 401),
    ],
)
async def test_a_key_is_needed(
    headers: Mapping[str, str], status: int, refused: Callable[[], dict[str, float]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with asking(api(**CLOSED)) as client:
        response = await client.get(WINDOWS, headers=headers)

    assert response.status_code == status
    assert KEY not in caplog.text + response.text
    if status == 401:
        assert (code(response), response.headers["WWW-Authenticate"]) == ("key_refused", "Bearer")
        assert refused() == {"key": 1}


async def test_a_key_in_the_url_is_none() -> None:
    async with asking(api(**CLOSED)) as client:
        response = await client.get(f"{WINDOWS}&key={KEY}&api_key={KEY}")

    assert response.status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/health/live", 200),
        ("/health/ready", 503),
        ("/docs", 200),
        ("/openapi.json", 200),
        ("/metrics", 401),
        ("/nowhere", 401),
        ("/docs/../api/v1/symbols", 401),
        ("//health/live", 401),
        ("/health/live/", 401),
        ("/health%2Flive", 200),
    ],
)
async def test_what_is_open_without_a_key(path: str, status: int) -> None:
    async with asking(api(**CLOSED)) as client:
        assert (await client.get(path)).status_code == status


async def test_reasons_of_health_are_for_those_with_a_key() -> None:
    async with asking(api(**CLOSED)) as client:
        stranger, known = await client.get("/health/ready"), await client.get("/health/ready", headers=KNOWN)

    assert stranger.json()["error"]["servers"] == {"redis": "unavailable", "database": "unavailable"}
    assert "127.0.0.1" not in stranger.text
    assert "127.0.0.1" in known.json()["error"]["servers"]["database"]


async def test_the_description_names_the_key_where_it_is_needed() -> None:
    async with asking(api(**CLOSED)) as client:
        closed = (await client.get("/openapi.json")).json()
    async with asking(api()) as client:
        everybody = (await client.get("/openapi.json")).json()

    needed = {path for path, methods in closed["paths"].items() if "security" in methods["get"]}
    assert needed == set(closed["paths"]) - {"/health/live", "/health/ready"}
    assert {scheme["type"] for scheme in closed["components"]["securitySchemes"].values()} == {"http", "apiKey"}
    assert "securitySchemes" not in everybody["components"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://desk.example.com", 422),
        ("http://localhost:8050", 422),
        ("https://evil.example", 403),
        ("null", 403),
    ],
)
async def test_web_pages_of_other_origins(origin: str, status: int, refused: Callable[[], dict[str, float]]) -> None:
    async with asking(api(allowed_origins=["https://desk.example.com"])) as client:
        response = await client.get(WINDOWS, headers={"Origin": origin})
        preflight = await client.options(
            WINDOWS,
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "authorization",
            },
        )

    assert response.status_code == status
    if status == 403:
        assert (code(response), code(preflight)) == ("origin_refused", "origin_refused")
        assert "Access-Control-Allow-Origin" not in response.headers
        assert refused() == {"origin": 2}
    else:
        assert preflight.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert preflight.headers["Access-Control-Allow-Origin"] == origin
        assert "Origin" in response.headers["Vary"]
        assert "x-source" in response.headers["Access-Control-Expose-Headers"].lower()


async def test_a_page_that_may_ask_reads_refusals_too_and_asks_first_without_a_key() -> None:
    origin = {"Origin": "http://localhost:3000"}
    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-api-key"}
    async with asking(api(**CLOSED)) as client:
        preflight = await client.options(WINDOWS, headers=origin | asks)
        refusal = await client.get(WINDOWS, headers=origin)

    assert preflight.status_code == 200
    assert (refusal.status_code, refusal.headers["Access-Control-Allow-Origin"]) == (401, "http://localhost:3000")


async def test_a_name_that_was_made_to_resolve_to_this_machine(refused: Callable[[], dict[str, float]]) -> None:
    async with asking(api()) as client:
        rebound = await client.get(WINDOWS, headers={"Host": "evil.example:8000"})
    async with asking(api(**CLOSED)) as client:
        with_keys = await client.get(WINDOWS, headers={"Host": "api.example.com", **KNOWN})

    assert (rebound.status_code, code(rebound)) == (403, "host_refused")
    assert refused() == {"host": 1}
    assert with_keys.status_code == 422


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"url": f"/api/v1/ticks/AAPL?cursor={'A' * 9000}"}, 414),
        ({"url": f"/{'a' * 9000}"}, 414),
        ({"url": WINDOWS, "content": b"x"}, 413),
        ({"url": WINDOWS, "headers": {"Transfer-Encoding": "chunked"}}, 413),
        ({"url": WINDOWS, "headers": {"Content-Length": "99999999999"}}, 413),
        ({"url": WINDOWS, "headers": {"Content-Length": "many"}}, 413),
        ({"url": WINDOWS, "headers": {"Content-Length": "0"}}, 422),
    ],
)
async def test_too_much_is_refused(asked: dict[str, Any], status: int, refused: Callable[[], dict[str, float]]) -> None:
    async with asking(api()) as client:
        response = await client.request("GET", **asked)

    assert response.status_code == status
    if status == 413:
        # What follows cannot be told from a next request.
        assert response.headers["Connection"] == "close"
    assert refused() == ({} if status == 422 else {"url" if status == 414 else "body": 1})


@pytest.fixture
def slow() -> AbstractAsyncContextManager[AsyncClient]:
    """An API that lets each client ask three times, and then hardly ever."""
    return asking(api(**CLOSED, rest={"requests_per_second": 0.01, "burst": 3}))


async def test_a_flood_is_refused_and_others_are_served(
    slow: AbstractAsyncContextManager[AsyncClient], refused: Callable[[], dict[str, float]]
) -> None:
    async with slow as client:
        flood = [await client.get(WINDOWS, headers=KNOWN) for _ in range(10)]
        other = await client.get(WINDOWS, headers={"X-API-Key": "mds_other"})
        alive = [(await client.get("/health/live")).status_code for _ in range(10)]

    assert [response.status_code for response in flood] == [422] * 3 + [429] * 7
    assert (code(flood[-1]), flood[-1].headers["Retry-After"]) == ("too_many_requests", "100")
    assert refused() == {"rate": 7}
    assert other.status_code == 422
    assert alive == [200] * 10


async def test_guesses_at_keys_are_limited_by_address(
    slow: AbstractAsyncContextManager[AsyncClient], refused: Callable[[], dict[str, float]]
) -> None:
    async with slow as client:
        guesses = [await client.get(WINDOWS, headers={"X-API-Key": f"mds_{n}"}) for n in range(10)]
        known = await client.get(WINDOWS, headers=KNOWN)

    assert [response.status_code for response in guesses] == [401] * 3 + [429] * 7
    assert refused() == {"key": 3, "rate": 7}
    assert known.status_code == 422


async def test_every_answer_keeps_browsers_from_guessing() -> None:
    async with asking(api(**CLOSED)) as client:
        answers = [await client.get(path) for path in ("/health/live", "/docs", "/nowhere", WINDOWS)]

    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "unsafe-eval" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "path", ["/health/live", "/docs", "/docs/swagger-ui.css", "/openapi.json", "/nowhere", WINDOWS]
)
async def test_head_is_get_without_a_body(path: str) -> None:
    async with asking(api()) as client:
        whole, head = await client.get(path), await client.head(path)

    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert dict(head.headers) == dict(whole.headers)


async def test_documentation_asks_no_other_site() -> None:
    async with asking(api(**CLOSED)) as client:
        page = (await client.get("/docs")).text
        named = re.findall(r'(?:src|href)="([^"]+)"', page)
        found = [await client.get(path) for path in named]

    assert len(named) == 3
    assert all(path.startswith("/docs/") for path in named)
    assert [answer.status_code for answer in found] == [200] * 3


async def test_requests_are_measured_by_route_and_status() -> None:
    async with asking(api()) as client:
        for path in ("/health/live", WINDOWS, WINDOWS, "/secret/of/somebody"):
            await client.get(path)
        await client.request("BREW", "/health/live")
        text = (await client.get("/metrics")).text

    counts = [line for line in text.splitlines() if line.startswith("rest_request_seconds_count{")]
    labels = {line.partition("{")[2].rpartition("}")[0] for line in counts}
    assert 'method="GET",route="/api/v1/aggregated/{symbol}",status="422"' in labels
    assert 'method="GET",route="/health/live",status="200"' in labels
    assert 'method="GET",route="none",status="404"' in labels
    assert 'method="other",route="/health/live",status="405"' in labels
    assert "secret" not in text
    assert "AAPL" not in text
