"""Ways to the API without a socket, and to the database beside the API and the sinks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from mdstream.config import TimescaleSettings
from mdstream.stores.timescaledb.database_url import database_url

LOCAL = "http://localhost"


def direct_engine(settings: TimescaleSettings) -> sa.Engine:
    url = database_url(settings)
    return sa.create_engine(url, poolclass=sa.NullPool)


@asynccontextmanager
async def asking(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """Ask a running API; what goes wrong within it is an answer too."""
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with app.router.lifespan_context(app), AsyncClient(transport=transport, base_url=LOCAL) as client:
        yield client
