from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa
from httpx import AsyncClient

from mdstream.config import TimescaleSettings
from mdstream.schemas import STORED_TICK
from mdstream.serving.rest import symbols
from mdstream.stores.timescaledb import series as queries
from tests.servers.serving.direct import direct_engine
from tests.servers.serving.rows import bar, store_bars, store_ticks, tick

pytestmark = pytest.mark.anyio


async def known(client: AsyncClient) -> list[str]:
    response = await client.get("/api/v1/symbols")
    assert response.status_code == 200
    found: list[str] = response.json()["symbols"]
    return found


async def test_symbols_of_ticks_and_of_bars(client: AsyncClient, database: TimescaleSettings) -> None:
    store_ticks(database, *(tick(n, symbol=symbol) for symbol in ("MSFT", "AAPL", "BTC/USD") for n in range(3)))
    store_bars(database, bar(symbol="TSLA"), bar(symbol="AAPL"), bar(symbol="brk.b"))

    response = await client.get("/api/v1/symbols")

    assert response.json() == {
        "symbols": ["AAPL", "BTC/USD", "MSFT", "TSLA", "brk.b"],
        "windows": ["1min", "5min", "15min"],
    }
    assert response.headers["X-Source"] == "database"


async def test_none_yet(client: AsyncClient) -> None:
    assert await known(client) == []


async def test_the_answer_is_kept_for_a_time(
    client: AsyncClient, database: TimescaleSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symbols, "_FRESH_SECONDS", 3600.0)
    store_ticks(database, tick(1, symbol="AAPL"))
    assert await known(client) == ["AAPL"]
    store_ticks(database, tick(1, symbol="MSFT"))

    assert await known(client) == ["AAPL"]
    # What is asked for by name is looked up nevertheless.
    assert (await client.get("/api/v1/aggregated/MSFT")).status_code == 200


async def test_and_then_asked_for_again(
    client: AsyncClient, database: TimescaleSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symbols, "_FRESH_SECONDS", 0.0)
    monkeypatch.setattr(symbols, "_MOST_OF_THE_TIME", float("inf"))
    store_ticks(database, tick(1, symbol="AAPL"))
    assert await known(client) == ["AAPL"]
    store_ticks(database, tick(1, symbol="MSFT"))

    assert await known(client) == ["AAPL", "MSFT"]


async def test_the_old_answer_is_given_while_the_database_takes_its_time(
    client: AsyncClient, database: TimescaleSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(symbols, "_FRESH_SECONDS", 0.0)
    monkeypatch.setattr(symbols, "_MOST_OF_THE_TIME", float("inf"))
    monkeypatch.setattr(symbols, "_RETRY_SECONDS", 0.05)
    store_ticks(database, tick(1, symbol="AAPL"))
    assert await known(client) == ["AAPL"]
    store_ticks(database, tick(1, symbol="MSFT"))

    with direct_engine(database).begin() as other:
        other.execute(sa.text("LOCK TABLE tick_data IN ACCESS EXCLUSIVE MODE"))
        assert [await known(client), await known(client)] == [["AAPL"], ["AAPL"]]
    async with asyncio.timeout(30):
        while await known(client) != ["AAPL", "MSFT"]:
            await asyncio.sleep(0.02)


def test_rows_are_leapt_over(database: TimescaleSettings) -> None:
    engine = direct_engine(database)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO tick_data (symbol, price, size, event_time, kafka_partition, kafka_offset) "
                "SELECT 'S' || n % 7, 1, 1, timestamptz '2024-05-06T12:00Z' + n * interval '1 ms', 0, n "
                "FROM generate_series(1, 30000) n"
            )
        )
        connection.execute(sa.text("ANALYZE tick_data"))
        query = queries.distinct_symbols(STORED_TICK)
        found = list(connection.scalars(query))
        text = str(query.compile(engine, compile_kwargs={"literal_binds": True}))
        [[plan]] = connection.execute(sa.text(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}")).all()

    assert found == ["S0", "S1", "S2", "S3", "S4", "S5", "S6"]
    # Eight leaps, each of at most one row in each of a few partitions; not thirty thousand rows.
    assert sum(rows_read(plan[0]["Plan"])) < 100


def rows_read(plan: dict[str, Any]) -> list[float]:
    nested = [count for inner in plan.get("Plans", []) for count in rows_read(inner)]
    if "Relation Name" in plan:
        nested.append((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"])
    return nested
