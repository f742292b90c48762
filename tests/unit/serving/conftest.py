from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from mdstream.config import RedisSettings, Settings, StoreSettings, TimescaleSettings
from mdstream.serving.rest import create_app

NOBODY_LISTENS = 1


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def app() -> FastAPI:
    """The API with neither Redis nor a database behind it."""
    stores = StoreSettings(timescaledb=TimescaleSettings(port=NOBODY_LISTENS), redis=RedisSettings(port=NOBODY_LISTENS))
    return create_app(Settings(stores=stores))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client
