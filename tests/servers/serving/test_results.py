"""Indicators, anomalies and forecasts: Redis first where it has them, and the database in pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis
from httpx import AsyncClient

from mdstream.config import RedisSettings, TimescaleSettings
from mdstream.schemas import ANOMALY, BAR, PREDICTION
from mdstream.stores import RedisSink
from tests.servers.serving.rows import (
    INDICATORS,
    NOON,
    anomaly,
    bar,
    indicators,
    prediction,
    remember,
    store,
    store_bars,
)

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


async def page(client: AsyncClient, path: str, source: str = "database", **parameters: str | int) -> dict[str, Any]:
    response = await client.get(f"/api/v1/{path}", params=parameters)
    assert response.status_code == 200, response.text
    assert response.headers["X-Source"] == source
    answer: dict[str, Any] = response.json()
    return answer


async def pages(client: AsyncClient, path: str, **parameters: str | int) -> list[list[dict[str, Any]]]:
    found: list[list[dict[str, Any]]] = []
    cursor: str | None = None
    while cursor is not None or not found:
        answer = await page(client, path, "database", **parameters | ({"cursor": cursor} if cursor else {}))
        found.append(answer["items"])
        cursor = answer["next_cursor"]
        assert len(found) < 50
    return found


def values(rows: list[dict[str, Any]], name: str) -> list[object]:
    return [row[name] for row in rows]


async def test_the_newest_bar_from_redis_and_the_bars_before_it_from_the_database(
    client: AsyncClient, database: TimescaleSettings, fresh_redis: RedisSettings
) -> None:
    store_bars(database, *(bar(NOON + MINUTE * number, volume=float(number)) for number in range(3)))
    remember(RedisSink(fresh_redis, BAR), BAR, bar(NOON + MINUTE * 3, volume=3.0, vwap=100.25))

    newest = await page(client, "aggregated/AAPL", "redis", limit=1)
    before = await page(client, "aggregated/AAPL", limit=2, cursor=newest["next_cursor"])
    ranged = await page(client, "aggregated/AAPL", limit=1, end="2024-05-06T13:00Z")
    oldest = await page(client, "aggregated/AAPL", limit=1, order="asc")

    assert newest["items"][0] | {"volume": 3.0, "vwap": 100.25} == newest["items"][0]
    assert newest["items"][0]["window_start"] == "2024-05-06T12:03:00Z"
    assert values(before["items"], "volume") == [2.0, 1.0]
    assert (values(ranged["items"], "volume"), values(oldest["items"], "volume")) == ([2.0], [0.0])


async def test_indicators_of_the_newest_bar(
    client: AsyncClient, database: TimescaleSettings, fresh_redis: RedisSettings
) -> None:
    store(database, INDICATORS, indicators(sma_20=100.5), indicators(NOON + MINUTE, sma_20=101.5, rsi_14=71.25))

    stored = await page(client, "indicators/AAPL")
    remember(RedisSink(fresh_redis, INDICATORS), INDICATORS, indicators(NOON + MINUTE * 2, sma_20=102.5))
    remembered = await page(client, "indicators/AAPL", "redis", window="1min")
    before = await page(client, "indicators/AAPL", limit=10, cursor=remembered["next_cursor"])

    place = {"symbol": "AAPL", "window": "1min", "trade_count": 1, "last_event_time": None}
    assert stored["items"] == [place | {"window_start": "2024-05-06T12:01:00Z", "sma_20": 101.5, "rsi_14": 71.25}]
    assert remembered == {
        "symbol": "AAPL",
        "window": "1min",
        "order": "desc",
        "next_cursor": remembered["next_cursor"],
        "items": [place | {"window_start": "2024-05-06T12:02:00Z", "sma_20": 102.5, "rsi_14": None}],
    }
    assert values(before["items"], "sma_20") == [101.5, 100.5]


async def test_indicators_of_a_window_that_redis_has_not(
    client: AsyncClient, database: TimescaleSettings, fresh_redis: RedisSettings
) -> None:
    store(database, INDICATORS, indicators(window="5min", sma_20=55.0))
    remember(RedisSink(fresh_redis, INDICATORS), INDICATORS, indicators(sma_20=11.0))

    assert values((await page(client, "indicators/AAPL", window="5min"))["items"], "sma_20") == [55.0]


async def test_indicators_in_pages_and_ranges(client: AsyncClient, database: TimescaleSettings) -> None:
    store(database, INDICATORS, *(indicators(NOON + MINUTE * number, rsi_14=float(number)) for number in range(5)))

    found = await pages(client, "indicators/AAPL", limit=2)
    ranged = await page(client, "indicators/AAPL", limit=9, start="2024-05-06T12:01Z", end="2024-05-06T12:03Z")

    assert [values(rows, "rsi_14") for rows in found] == [[4.0, 3.0], [2.0, 1.0], [0.0]]
    assert values(ranged["items"], "rsi_14") == [2.0, 1.0]


@pytest.mark.parametrize("key", ["aggregated:AAPL:1min", "indicators:AAPL", "predictions:AAPL"])
async def test_a_value_in_redis_that_is_none_is_passed_over(
    client: AsyncClient, database: TimescaleSettings, fresh_redis: RedisSettings, key: str
) -> None:
    store_bars(database, bar())
    store(database, INDICATORS, indicators())
    store(database, PREDICTION, prediction())
    with redis.Redis(port=fresh_redis.port) as direct:
        if key.startswith("aggregated"):
            direct.set(key, b'{"symbol":"AAPL"}')
        else:
            direct.hset(key, mapping={"1min": b"not JSON", "5": b'{"horizon_minutes":"five"}'})

    for path in ("aggregated/AAPL?limit=1", "indicators/AAPL", "predictions/AAPL"):
        assert len((await page(client, path))["items"]) == 1


def some_anomalies() -> list[dict[str, Any]]:
    """Six, of which four are of the same minute."""
    return [
        anomaly(NOON, "AAPL", "price_spike", severity="low"),
        anomaly(NOON, "AAPL", "volume_spike", severity="critical"),
        anomaly(NOON, "MSFT", "price_spike", severity="high"),
        anomaly(NOON, "MSFT", "volume_spike", severity="medium", window="5min"),
        anomaly(NOON + MINUTE, "MSFT", "rsi_overbought", severity="medium", value=None, threshold=None),
        anomaly(NOON - MINUTE, "TSLA", "price_spike", severity="high"),
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 6])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_every_anomaly_is_on_one_page(
    client: AsyncClient, database: TimescaleSettings, limit: int, order: str
) -> None:
    store(database, ANOMALY, *some_anomalies())

    found = [row for rows in await pages(client, "anomalies", limit=limit, order=order) for row in rows]

    places = [(row["window_start"], row["symbol"], row["window"], row["rule"]) for row in found]
    assert len(places) == 6
    assert places == sorted(places, reverse=order == "desc")


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"symbol": "AAPL"}, ["volume_spike", "price_spike"]),
        ({"symbol": "MSFT", "window": "1min"}, ["rsi_overbought", "price_spike"]),
        ({"window": "5min"}, ["volume_spike"]),
        ({"rule": "price_spike", "order": "asc"}, ["price_spike"] * 3),
        ({"min_severity": "critical"}, ["volume_spike"]),
        ({"min_severity": "high", "symbol": "MSFT"}, ["price_spike"]),
        ({"min_severity": "low", "symbol": "AAPL"}, ["volume_spike", "price_spike"]),
        ({"start": "2024-05-06T12:01Z"}, ["rsi_overbought"]),
        ({"end": "2024-05-06T12:00Z"}, ["price_spike"]),
        ({"symbol": "NOPE"}, []),
        ({"rule": "no_such_rule"}, []),
    ],
)
async def test_anomalies_of_a_kind(
    client: AsyncClient, database: TimescaleSettings, parameters: dict[str, str], expected: list[str]
) -> None:
    store(database, ANOMALY, *some_anomalies())

    found = await pages(client, "anomalies", limit=1, **parameters)

    assert [rule for rows in found for rule in values(rows, "rule")] == expected


async def test_one_anomaly_whole(client: AsyncClient, database: TimescaleSettings) -> None:
    store(database, ANOMALY, anomaly(value=None, threshold=None, severity="medium"))

    assert await page(client, "anomalies") == {
        "order": "desc",
        "next_cursor": None,
        "items": [
            {
                "symbol": "AAPL",
                "window": "1min",
                "window_start": "2024-05-06T12:00:00Z",
                "rule": "price_spike",
                "severity": "medium",
                "value": None,
                "threshold": None,
                "message": "AAPL is odd",
                "detected_time": "2024-05-06T12:00:59Z",
                "trade_count": 1,
                "last_event_time": None,
                "withdrawn": None,
            }
        ],
    }


async def test_a_cursor_of_other_anomalies_is_refused(client: AsyncClient, database: TimescaleSettings) -> None:
    store(database, ANOMALY, *some_anomalies())
    cursor = (await page(client, "anomalies", limit=1, min_severity="high"))["next_cursor"]

    for other in ({}, {"min_severity": "medium"}, {"min_severity": "high", "symbol": "AAPL"}):
        response = await client.get("/api/v1/anomalies", params={"cursor": cursor} | other)
        assert (response.status_code, response.json()["error"]["field"]) == (422, "cursor")


async def test_the_newest_forecast_of_each_horizon(
    client: AsyncClient, database: TimescaleSettings, fresh_redis: RedisSettings
) -> None:
    old, new = NOON, NOON + MINUTE
    store(database, PREDICTION, *(prediction(time, horizon=minutes) for time in (old, new) for minutes in (15, 5)))

    stored = await page(client, "predictions/AAPL")
    sink = RedisSink(fresh_redis, PREDICTION)
    remember(sink, PREDICTION, prediction(new + MINUTE, horizon=15), prediction(new + MINUTE, horizon=5))
    remembered = await page(client, "predictions/AAPL", "redis")

    assert values(stored["items"], "horizon_minutes") == values(remembered["items"], "horizon_minutes") == [5, 15]
    assert values(stored["items"], "target_time") == ["2024-05-06T12:01:00Z"] * 2
    assert values(remembered["items"], "target_time") == ["2024-05-06T12:02:00Z"] * 2
    assert stored["next_cursor"] is remembered["next_cursor"] is None
    assert remembered["items"][0] | {"lower": None, "upper": 101.0, "beats_naive": True} == remembered["items"][0]


async def test_forecasts_in_pages(client: AsyncClient, database: TimescaleSettings, fresh_redis: RedisSettings) -> None:
    times = [NOON + MINUTE * number for number in range(3)]
    store(database, PREDICTION, *(prediction(time, horizon=minutes) for time in times for minutes in (5, 15)))
    remember(RedisSink(fresh_redis, PREDICTION), PREDICTION, prediction(NOON + MINUTE * 9))

    every = await pages(client, "predictions/AAPL", limit=4)
    of_one = await pages(client, "predictions/AAPL", limit=2, horizon_minutes=15)
    ranged = await page(client, "predictions/AAPL", start="2024-05-06T12:01Z", end="2024-05-06T12:02Z")

    minutes = [[(row["target_time"][14:16], row["horizon_minutes"]) for row in rows] for rows in every]
    assert minutes == [[("02", 15), ("02", 5), ("01", 15), ("01", 5)], [("00", 15), ("00", 5)]]
    assert [values(rows, "target_time") for rows in of_one] == [
        ["2024-05-06T12:02:00Z", "2024-05-06T12:01:00Z"],
        ["2024-05-06T12:00:00Z"],
    ]
    assert values(ranged["items"], "horizon_minutes") == [15, 5]


@pytest.mark.parametrize("path", ["indicators/AAPL", "predictions/AAPL"])
async def test_a_symbol_of_which_only_bars_are_stored(
    client: AsyncClient, database: TimescaleSettings, path: str
) -> None:
    store_bars(database, bar())

    assert (await page(client, path))["items"] == []


@pytest.mark.parametrize("path", ["indicators/NOPE", "predictions/NOPE", "predictions/NOPE?limit=1"])
async def test_an_unknown_symbol(client: AsyncClient, database: TimescaleSettings, path: str) -> None:
    store_bars(database, bar())

    response = await client.get(f"/api/v1/{path}")

    assert (response.status_code, response.json()["error"]["known"]) == (404, ["AAPL"])
