"""Redis or the database goes away, stops answering, and returns."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from httpx import AsyncClient, Response

from mdstream.config import RedisSettings, ServingSettings, Settings, StoreSettings, TimescaleSettings
from mdstream.embedded import LocalPostgres, LocalRedis
from mdstream.serving.rest import create_app
from mdstream.stores.redis import latest
from mdstream.stores.timescaledb import create_schema
from mdstream.stores.timescaledb import reading as database
from tests.servers.serving.direct import asking, direct_engine
from tests.servers.serving.rows import RECORDS, remember_latest, store_ticks, tick

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[LocalPostgres]:
    with LocalPostgres() as server:
        create_schema(server.settings, RECORDS)
        store_ticks(server.settings, tick(1, price=99.0))
        yield server


@pytest.fixture(scope="module")
def own_redis() -> Iterator[LocalRedis]:
    with LocalRedis() as server:
        yield server


@pytest.fixture
def postgres(own_postgres: LocalPostgres) -> Iterator[LocalPostgres]:
    """A server that a test may stop."""
    yield own_postgres
    own_postgres.start()


@pytest.fixture
def redis(own_redis: LocalRedis) -> Iterator[LocalRedis]:
    """A server that a test may stop; it holds the newest price for a minute."""
    remember_latest(own_redis.settings, tick(2, price=101.0))
    yield own_redis
    own_redis.start()


@pytest.fixture
def app(postgres: LocalPostgres, redis: LocalRedis, monkeypatch: pytest.MonkeyPatch) -> FastAPI:
    monkeypatch.setattr(latest, "_PAUSE_SECONDS", 0.05)
    return app_over(postgres.settings, redis.settings)


def app_over(timescaledb: TimescaleSettings, redis: RedisSettings, connections: int = 8) -> FastAPI:
    stores = StoreSettings(timescaledb=timescaledb, redis=redis)
    return create_app(Settings(stores=stores, serving=ServingSettings(database_connections=connections)))


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with asking(app) as client:
        yield client


async def eventually(ask: Callable[[], Awaitable[Response]], holds: Callable[[Response], bool]) -> Response:
    async with asyncio.timeout(30):
        while not holds(response := await ask()):
            await asyncio.sleep(0.02)
    return response


def code(response: Response) -> str:
    found: str = response.json()["error"]["code"]
    return found


async def test_without_redis_the_database_answers(client: AsyncClient, redis: LocalRedis) -> None:
    assert (await client.get("/api/v1/latest/AAPL")).headers["X-Source"] == "redis"
    redis.stop()

    for _ in range(3):
        response = await client.get("/api/v1/latest/AAPL")
        assert (response.status_code, response.json()["price"]) == (200, 99.0)
        assert response.headers["X-Source"] == "database"
    ready = await client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["error"]["servers"]["database"] == "ok"
    assert str(redis.port) in ready.json()["error"]["servers"]["redis"]

    redis.start()
    await eventually(
        lambda: client.get("/api/v1/latest/AAPL"), lambda response: response.headers["X-Source"] == "redis"
    )
    assert (await client.get("/health/ready")).json() == {
        "status": "ready",
        "servers": {"redis": "ok", "database": "ok"},
    }


async def test_redis_that_restarted_between_two_requests_is_asked(client: AsyncClient, redis: LocalRedis) -> None:
    assert (await client.get("/api/v1/latest/AAPL")).headers["X-Source"] == "redis"
    redis.stop()
    redis.start()

    assert (await client.get("/api/v1/latest/AAPL")).headers["X-Source"] == "redis"


async def test_without_the_database_redis_answers(
    client: AsyncClient, postgres: LocalPostgres, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await client.get("/api/v1/ticks/AAPL")).status_code == 200
    postgres.kill()

    assert (await client.get("/api/v1/latest/AAPL")).json()["price"] == 101.0
    for path in ("latest/MSFT", "ticks/AAPL", "aggregated/AAPL", "symbols"):
        response = await client.get(f"/api/v1/{path}")
        assert (response.status_code, code(response)) == (503, "database_unavailable")
    ready = await client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["error"]["servers"]["redis"] == "ok"
    assert "refused" in ready.json()["error"]["servers"]["database"]
    assert postgres.settings.password.get_secret_value() not in ready.text
    # Five failures, and one line about them.
    assert [record.message.split(",")[0] for record in caplog.records] == ["a query failed"]
    assert postgres.settings.password.get_secret_value() not in caplog.text

    postgres.start()
    # At once: the pool's dead connections are nobody's error.
    assert (await client.get("/api/v1/ticks/AAPL")).status_code == 200
    assert (await client.get("/api/v1/symbols")).json()["symbols"] == ["AAPL"]
    assert (await client.get("/health/ready")).status_code == 200
    assert [record.message.split(",")[0] for record in caplog.records][1:] == ["queries succeed again"]


async def test_a_database_that_restarted_between_two_requests(client: AsyncClient, postgres: LocalPostgres) -> None:
    assert (await client.get("/api/v1/ticks/AAPL")).status_code == 200
    postgres.stop()
    postgres.start()

    assert (await client.get("/api/v1/ticks/AAPL")).status_code == 200


async def test_a_wrong_password_is_not_told(postgres: LocalPostgres, redis: LocalRedis) -> None:
    settings = postgres.settings.model_copy(update={"password": TimescaleSettings(password="hunter2").password})
    app = app_over(settings, redis.settings)
    async with asking(app) as client:
        series = await client.get("/api/v1/ticks/AAPL")
        ready = await client.get("/health/ready")

    assert code(series) == "database_unavailable"
    assert "password authentication failed" in ready.json()["error"]["servers"]["database"]
    assert "hunter2" not in series.text + ready.text


async def test_no_tables_yet(postgres: LocalPostgres, redis: LocalRedis) -> None:
    empty = postgres.create_database("without_tables")
    app = app_over(empty, redis.settings)
    async with asking(app) as client:
        series = await client.get("/api/v1/ticks/AAPL")
        ready = await client.get("/health/ready")
        create_schema(empty, RECORDS)
        ready_then = await client.get("/health/ready")
        unknown = await client.get("/api/v1/ticks/AAPL")
    postgres.drop_database("without_tables")

    assert (series.status_code, code(series)) == (503, "tables_missing")
    missing = ready.json()["error"]["servers"]["database"]
    assert "no table tick_data, quote_data, aggregated_data, technical_indicators, anomalies, predictions;" in missing
    assert "mdstream maintain" in ready.json()["error"]["message"]
    assert ready_then.status_code == 200
    assert unknown.status_code == 404


async def test_a_query_that_takes_too_long_is_ended(
    postgres: LocalPostgres, redis: LocalRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 1)
    app = app_over(postgres.settings, redis.settings)
    async with asking(app) as client:
        with direct_engine(postgres.settings).begin() as other:
            other.execute(sa.text("LOCK TABLE tick_data IN ACCESS EXCLUSIVE MODE"))
            locked = await client.get("/api/v1/ticks/AAPL")
        released = await client.get("/api/v1/ticks/AAPL")

    assert (locked.status_code, code(locked)) == (503, "database_too_slow")
    assert released.status_code == 200


async def test_more_requests_than_connections_wait_and_then_are_refused(
    postgres: LocalPostgres, redis: LocalRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_QUEUE_SECONDS", 0.2)
    app = app_over(postgres.settings, redis.settings, connections=2)
    async with asking(app) as client:
        with direct_engine(postgres.settings).begin() as other:
            other.execute(sa.text("LOCK TABLE tick_data IN ACCESS EXCLUSIVE MODE"))
            waiting = [asyncio.create_task(client.get("/api/v1/ticks/AAPL")) for _ in range(2)]
            with direct_engine(postgres.settings).connect() as observer:
                await eventually_waiting(observer, 2)
            refused = await client.get("/api/v1/ticks/AAPL")
            from_redis = await client.get("/api/v1/latest/AAPL")
        answered = await asyncio.gather(*waiting)

    assert (refused.status_code, code(refused)) == (503, "database_busy")
    assert "all 2 connections" in refused.json()["error"]["message"]
    assert from_redis.status_code == 200
    assert [response.status_code for response in answered] == [200, 200]


async def eventually_waiting(observer: sa.Connection, count: int) -> None:
    query = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mdstream api' AND wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(30):
        while observer.scalar(query) != count:
            observer.rollback()
            await asyncio.sleep(0.02)


async def test_a_database_that_stops_answering_is_given_up(
    postgres: LocalPostgres, redis: LocalRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STATEMENT_SECONDS", "_PROBE_SECONDS"):
        monkeypatch.setattr(database, name, 1)
    app = app_over(postgres.settings, redis.settings)
    async with asking(app) as client:
        assert (await client.get("/api/v1/ticks/AAPL")).status_code == 200
        with direct_engine(postgres.settings).connect() as observer:
            pids = [
                *observer.scalars(sa.text("SELECT pid FROM pg_stat_activity WHERE application_name = 'mdstream api'"))
            ]
        assert len(pids) == 1
        os.kill(pids[0], signal.SIGSTOP)
        try:
            frozen = await client.get("/api/v1/ticks/AAPL")
            # The next request gets a connection of its own.
            afterwards = await client.get("/api/v1/ticks/AAPL")
        finally:
            os.kill(pids[0], signal.SIGCONT)

    assert (frozen.status_code, code(frozen)) == (503, "database_unavailable")
    assert afterwards.status_code == 200


async def test_the_api_cannot_write(app: FastAPI, client: AsyncClient, postgres: LocalPostgres) -> None:
    with pytest.raises(database.ReadingError) as refusal:
        await app.state.stores.database.run(lambda connection: connection.execute(sa.text("DELETE FROM tick_data")))

    assert refusal.value.code == "database_refused"
    assert "read-only transaction" in str(refusal.value.__cause__)
    assert len((await client.get("/api/v1/ticks/AAPL")).json()["items"]) == 1
