"""Whatever goes wrong, the body is the same and says nothing about the inside."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

pytestmark = pytest.mark.anyio


async def test_unknown_path(client: AsyncClient) -> None:
    response = await client.get("/api/v2/latest/AAPL")

    assert response.status_code == 404
    assert response.json() == {
        "error": {
            "code": "not_found",
            "message": "there is nothing at /api/v2/latest/AAPL; the endpoints are listed at /docs",
        }
    }


async def test_wrong_method(client: AsyncClient) -> None:
    response = await client.post("/api/v1/latest/AAPL")

    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert response.json()["error"]["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["latest/AAPL", "ticks/AAPL", "quotes/AAPL", "aggregated/AAPL", "movers", "symbols"])
async def test_no_database(client: AsyncClient, path: str) -> None:
    response = await client.get(f"/api/v1/{path}")

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "1"
    assert response.json() == {
        "error": {
            "code": "database_unavailable",
            "message": "the database cannot be reached; try again later",
        }
    }


async def test_an_unexpected_error_shows_nothing_of_itself(
    app: FastAPI, client: AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    response = await client.get("/broken")

    assert response.status_code == 500
    assert response.json() == {
        "error": {
            "code": "internal_error",
            "message": "the request failed inside the server; its log says why",
        }
    }
    assert "GET /broken failed: RuntimeError" in caplog.text


async def test_alive_without_any_server(client: AsyncClient) -> None:
    response = await client.get("/health/live")

    assert response.status_code == 200
    assert response.json() == {"status": "alive"}


async def test_not_ready_says_who_is_missing_and_why(client: AsyncClient) -> None:
    response = await client.get("/health/ready")

    assert response.status_code == 503
    error = response.json()["error"]
    assert error["code"] == "not_ready"
    assert set(error["servers"]) == {"redis", "database"}
    for server, reason in error["servers"].items():
        assert "127.0.0.1" in reason
        assert "connect" in reason
        assert f"{server}: {reason}" in error["message"]


async def test_the_documentation_is_served(client: AsyncClient) -> None:
    assert (await client.get("/docs")).status_code == 200
    assert (await client.get("/openapi.json")).json()["info"]["title"] == "mdstream"
