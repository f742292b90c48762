from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import redis
from httpx import AsyncClient

from mdstream.config import RedisSettings, StoreSettings, TimescaleSettings
from mdstream.serving.rest import create_app
from tests.servers.serving.direct import asking
from tests.servers.serving.rows import NOON, SETTINGS, bar, remember_latest, store_bars, store_ticks, tick

pytestmark = pytest.mark.anyio


async def test_the_whole_tick_from_redis(client: AsyncClient, fresh_redis: RedisSettings) -> None:
    seen = tick(
        7,
        NOON + timedelta(microseconds=123_456),
        price=189.25,
        size=0.5,
        ingest_time=NOON + timedelta(seconds=1),
        source="massive",
        exchange="4",
        trade_id="52983525029461",
        sequence=2**53 + 1,
        conditions=["@", "T"],
    )
    remember_latest(fresh_redis, seen)

    response = await client.get("/api/v1/latest/AAPL")

    assert response.status_code == 200
    assert response.headers["X-Source"] == "redis"
    assert response.json() == {
        "symbol": "AAPL",
        "price": 189.25,
        "size": 0.5,
        "event_time": "2024-05-06T12:00:00.123456Z",
        "ingest_time": "2024-05-06T12:00:01Z",
        "source": "massive",
        "exchange": "4",
        "trade_id": "52983525029461",
        "sequence": 9007199254740993,
        "conditions": ["@", "T"],
    }


async def test_the_same_tick_from_the_database(client: AsyncClient, database: TimescaleSettings) -> None:
    store_ticks(database, tick(1, price=99.0), tick(2, NOON + timedelta(microseconds=1), price=100.5, conditions=["@"]))

    response = await client.get("/api/v1/latest/AAPL")

    assert response.status_code == 200
    assert response.headers["X-Source"] == "database"
    assert response.json() == {
        "symbol": "AAPL",
        "price": 100.5,
        "size": 1.0,
        "event_time": "2024-05-06T12:00:00.000001Z",
        "ingest_time": None,
        "source": None,
        "exchange": None,
        "trade_id": None,
        "sequence": None,
        "conditions": ["@"],
    }


async def test_a_redis_that_is_switched_off_is_not_asked(
    database: TimescaleSettings, fresh_redis: RedisSettings
) -> None:
    store_ticks(database, tick(1, price=99.0))
    remember_latest(fresh_redis, tick(2, price=101.0))
    stores = StoreSettings(timescaledb=database, redis=fresh_redis.model_copy(update={"enabled": False}))
    async with asking(create_app(SETTINGS.model_copy(update={"stores": stores}))) as client:
        response = await client.get("/api/v1/latest/AAPL")
        ready = await client.get("/health/ready")

    assert (response.json()["price"], response.headers["X-Source"]) == (99.0, "database")
    assert ready.json() == {"status": "ready", "servers": {"redis": "switched off", "database": "ok"}}


async def test_redis_goes_first(client: AsyncClient, database: TimescaleSettings, fresh_redis: RedisSettings) -> None:
    store_ticks(database, tick(1, price=99.0))
    remember_latest(fresh_redis, tick(2, price=101.0))

    response = await client.get("/api/v1/latest/AAPL")

    assert (response.json()["price"], response.headers["X-Source"]) == (101.0, "redis")


async def test_of_equal_times_both_stores_take_the_same(
    client: AsyncClient, database: TimescaleSettings, fresh_redis: RedisSettings
) -> None:
    # By (event_time, sequence, offset): sequence 9 is the newest; a tick without a sequence is the oldest.
    prints = [tick(1, sequence=9, price=9.0), tick(2, sequence=8, price=8.0), tick(3, price=7.0)]
    store_ticks(database, *prints)
    from_database = await client.get("/api/v1/latest/AAPL")
    remember_latest(fresh_redis, *prints)
    from_redis = await client.get("/api/v1/latest/AAPL")

    assert (from_database.headers["X-Source"], from_redis.headers["X-Source"]) == ("database", "redis")
    assert from_database.json()["price"] == from_redis.json()["price"] == 9.0


async def test_recent_ticks_go_before_old_ones(client: AsyncClient, database: TimescaleSettings) -> None:
    now = datetime.now(UTC)
    store_ticks(database, tick(1, now - timedelta(days=400), price=1.0), tick(2, now - timedelta(hours=1), price=2.0))

    assert (await client.get("/api/v1/latest/AAPL")).json()["price"] == 2.0


@pytest.mark.parametrize(
    "value",
    [
        b"not JSON",
        b"[]",
        b"{}",
        b'{"symbol":"AAPL","price":"dear","size":1,"event_time":1714996800000000}',
        b'{"symbol":"AAPL","price":1,"size":1,"event_time":99999999999999999999}',
        b'{"symbol":"AAPL","price":1,"size":1,"event_time":999999999999999999}',
        b'{"symbol":"A B","price":1,"size":1,"event_time":1714996800000000}',
        b'{"symbol":"AAPL","price":1,"size":1,"event_time":1714996800000000,"conditions":[7]}',
        b"\xff\xfe",
    ],
)
async def test_a_value_that_is_no_tick_is_passed_over(
    client: AsyncClient,
    database: TimescaleSettings,
    fresh_redis: RedisSettings,
    value: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store_ticks(database, tick(1, price=99.0))
    with redis.Redis(port=fresh_redis.port) as direct:
        direct.set("latest_price:AAPL", value)

    response = await client.get("/api/v1/latest/AAPL")

    assert (response.status_code, response.json()["price"]) == (200, 99.0)
    assert response.headers["X-Source"] == "database"
    assert "latest_price:AAPL in Redis is not a tick" in caplog.text


async def test_a_key_of_another_type_is_passed_over(
    client: AsyncClient, database: TimescaleSettings, fresh_redis: RedisSettings
) -> None:
    store_ticks(database, tick(1, price=99.0))
    with redis.Redis(port=fresh_redis.port) as direct:
        direct.lpush("latest_price:AAPL", "a")

    assert (await client.get("/api/v1/latest/AAPL")).json()["price"] == 99.0


@pytest.mark.parametrize("symbol", ["BRK.B", "BTC/USD", "X:BTC-USD", "latest/AAPL", "EURUSD=X", "a_b^c", "0"])
async def test_odd_symbols(
    client: AsyncClient, database: TimescaleSettings, fresh_redis: RedisSettings, symbol: str
) -> None:
    store_ticks(database, tick(1, symbol=symbol, price=3.0))
    stored = await client.get(f"/api/v1/latest/{symbol}")
    remember_latest(fresh_redis, tick(1, symbol=symbol, price=4.0))
    remembered = await client.get(f"/api/v1/latest/{symbol}")

    assert (stored.json()["symbol"], stored.json()["price"]) == (symbol, 3.0)
    assert (remembered.json()["symbol"], remembered.json()["price"]) == (symbol, 4.0)


async def test_an_escaped_slash_is_the_same_symbol(client: AsyncClient, database: TimescaleSettings) -> None:
    store_ticks(database, tick(1, symbol="BTC/USD", price=3.0))

    assert (await client.get("/api/v1/latest/BTC%2FUSD")).json()["symbol"] == "BTC/USD"


async def test_unknown_symbol_lists_the_nearest_first(client: AsyncClient, database: TimescaleSettings) -> None:
    store_ticks(database, *(tick(1, symbol=symbol) for symbol in ("AAPL", "GOOGL", "MSFT")))

    response = await client.get("/api/v1/latest/goog")

    assert response.status_code == 404
    assert response.json() == {
        "error": {
            "code": "unknown_symbol",
            "message": "nothing is stored of 'goog': 3 symbols are stored; the nearest are listed",
            "field": "symbol",
            "known": ["GOOGL", "AAPL", "MSFT"],
        }
    }


async def test_nothing_is_stored_yet(client: AsyncClient) -> None:
    response = await client.get("/api/v1/latest/AAPL")

    assert response.status_code == 404
    assert response.json()["error"]["known"] == []
    assert "no symbol is stored yet" in response.json()["error"]["message"]


async def test_a_symbol_with_bars_only(client: AsyncClient, database: TimescaleSettings) -> None:
    store_bars(database, bar(symbol="MSFT"))

    response = await client.get("/api/v1/latest/MSFT")

    assert (response.status_code, response.json()["error"]["code"]) == (404, "no_tick")


async def test_what_was_cancelled_is_no_price(client: AsyncClient, database: TimescaleSettings) -> None:
    cancel = tick(2, NOON + timedelta(microseconds=1), price=99.0, conditions=["correction:8", "cancel"])
    store_ticks(database, tick(1, price=100.5), cancel)

    response = await client.get("/api/v1/latest/AAPL")

    assert response.json()["price"] == 100.5
