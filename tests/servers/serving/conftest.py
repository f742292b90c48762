from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import AsyncClient

from mdstream.config import RedisSettings, StoreSettings, TimescaleSettings
from mdstream.embedded import LocalPostgres
from mdstream.serving.rest import create_app
from mdstream.stores.timescaledb import create_schema
from tests.servers.serving.direct import asking, direct_engine
from tests.servers.serving.rows import RECORDS, SETTINGS


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="package")
def database_with_tables(postgres_server: LocalPostgres) -> Iterator[TimescaleSettings]:
    name = f"serving_{uuid.uuid4().hex}"
    settings = postgres_server.create_database(name)
    create_schema(settings, RECORDS)
    yield settings
    postgres_server.drop_database(name)


@pytest.fixture
def database(database_with_tables: TimescaleSettings) -> TimescaleSettings:
    """A database with empty tables."""
    with direct_engine(database_with_tables).begin() as connection:
        connection.execute(sa.text(f"TRUNCATE {', '.join(str(record.table) for record in RECORDS)}"))
    return database_with_tables


@pytest.fixture
def app(database: TimescaleSettings, fresh_redis: RedisSettings) -> FastAPI:
    stores = StoreSettings(timescaledb=database, redis=fresh_redis)
    return create_app(SETTINGS.model_copy(update={"stores": stores}))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with asking(app) as client:
        yield client
