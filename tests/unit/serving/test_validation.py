"""What a request may say, and what it is told otherwise; no server is asked for any of these."""

from __future__ import annotations

import pytest
from httpx import AsyncClient

pytestmark = pytest.mark.anyio

UNUSABLE = [
    ("ticks/AAPL?limit=0", "limit", "greater than or equal to 1"),
    ("ticks/AAPL?limit=5001", "limit", "less than or equal to 5000"),
    ("ticks/AAPL?limit=-5", "limit", "greater than or equal to 1"),
    ("ticks/AAPL?limit=ten", "limit", "valid integer"),
    ("ticks/AAPL?limit=1.5", "limit", "valid integer"),
    ("ticks/AAPL?limit=", "limit", "valid integer"),
    ("ticks/AAPL?order=newest", "order", "'asc' or 'desc'"),
    ("ticks/AAPL?start=yesterday", "start", "ISO 8601"),
    ("ticks/AAPL?start=", "start", "ISO 8601"),
    ("ticks/AAPL?start=NaN", "start", "ISO 8601"),
    ("ticks/AAPL?start=2013-10-07T25:00:00", "start", "ISO 8601"),
    ("ticks/AAPL?end=2013-02-30", "end", "ISO 8601"),
    ("ticks/AAPL?end=0001-01-01T00:00:00%2B14:00", "end", "ISO 8601"),
    ("ticks/AAPL?end=99999999999999999999", "end", "ISO 8601"),
    ("ticks/AAPL?end=1381152600", "end", "another unit"),
    ("ticks/AAPL?end=1381152600000", "end", "another unit"),
    ("ticks/AAPL?start=2013-10-08&end=2013-10-07", "end", "not before start"),
    ("ticks/AAPL?cursor=%00", "cursor", "not a cursor"),
    ("ticks/AAPL?cursor=AAPL", "cursor", "not a cursor"),
    ("ticks/AAPL?cursor=" + "A" * 513, "cursor", "at most 512"),
    ("ticks/AAPL?cursor=%27%3B%20DROP%20TABLE%20tick_data%3B--", "cursor", "not a cursor"),
    ("ticks/AAPL?window=1min", "window", "unknown parameter"),
    ("aggregated/AAPL?window=7min", "window", "did you mean '5min'"),
    ("aggregated/AAPL?window=", "window", "no such window"),
    ("aggregated/AAPL?window=1min'%20OR%20'1'='1", "window", "no such window"),
    ("aggregated/AAPL?windw=1min", "windw", "did you mean 'window'"),
    ("aggregated/AAPL?strat=2013-10-07", "strat", "did you mean 'start'"),
    ("quotes/AAPL?limit=5001", "limit", "less than or equal to 5000"),
    ("quotes/*", "symbol", "1 to 64 printable characters"),
    ("movers?limit=501", "limit", "less than or equal to 500"),
    ("movers?max_age_seconds=604801", "max_age_seconds", "less than or equal to 604800"),
    ("movers?at=yesterday", "at", "ISO 8601"),
    ("movers?window=7min", "window", "did you mean '5min'"),
    ("movers?start=2013-10-07", "start", "unknown parameter"),
    ("latest/", "symbol", "1 to 64 printable characters"),
    ("latest/%20A", "symbol", "1 to 64 printable characters"),
    ("latest/A%00B", "symbol", "1 to 64 printable characters"),
    ("latest/A%E2%80%AEB", "symbol", "1 to 64 printable characters"),
    ("latest/%FF", "symbol", "1 to 64 printable characters"),
    ("latest/*", "symbol", "1 to 64 printable characters"),
    ("latest/" + "A" * 65, "symbol", "1 to 64 printable characters"),
]


@pytest.mark.parametrize(("path", "field", "expected"), UNUSABLE)
async def test_names_the_field_and_what_was_expected(client: AsyncClient, path: str, field: str, expected: str) -> None:
    response = await client.get(f"/api/v1/{path}")

    assert response.status_code == 422
    error = response.json()["error"]
    assert error["code"] == "invalid_parameter"
    assert error["field"] == field
    assert expected in error["message"]
    assert error["message"].startswith(f"{field}: ")


async def test_an_unknown_window_is_told_the_known_ones(client: AsyncClient) -> None:
    response = await client.get("/api/v1/aggregated/AAPL?window=2min")

    assert response.json()["error"]["known"] == ["1min", "5min", "15min"]


async def test_a_line_break_is_no_part_of_a_path(client: AsyncClient) -> None:
    response = await client.get("/api/v1/latest/A%0AB")

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


async def test_a_long_input_is_not_repeated_whole(client: AsyncClient) -> None:
    response = await client.get("/api/v1/latest/" + "A" * 5000)

    assert len(response.json()["error"]["message"]) < 300


@pytest.mark.parametrize(
    "path",
    [
        "latest/BRK.B",
        "latest/BTC/USD",
        "latest/BTC%2FUSD",
        "latest/X:BTC-USD",
        "latest/EURUSD=X",
        "latest/%5EGSPC",
        "latest/M%26M.NS",
        "latest/%E5%B8%81%E5%AE%89USDT",
        "latest/SPXW%20%20240506C05100000",
        "latest//ESM24",
        "latest/%2FESM24",
        "latest/.DJI",
        "latest/AAC%2B",
        "latest/AAC+",
        "latest/BAC-I*",
        "latest/100%25",
        "latest/A%23B",
        "latest/A%3FB",
        "ticks/AAPL?start=2013-10-07%2009:30:00%20UTC",
        "ticks/AAPL?start=20131007T093000,5z",
        "anomalies?symbol=%5EGSPC",
        "ticks/BTC/USD?limit=5000&order=asc",
        "ticks/AAPL?start=2013-10-07&end=2013-10-07",
        "ticks/AAPL?start=2013-10-07T09:30:00%2B02:00",
        "ticks/AAPL?start=2013-10-07T09:30:00+02:00",
        "ticks/AAPL?start=0001-01-01T00:00:00Z&end=9999-12-31T23:59:59.999999Z",
        "ticks/AAPL?start=1381152600000000&end=1381152600000001",
        "aggregated/AAPL?window=15min",
        "aggregated/AAPL",
    ],
)
async def test_what_can_be_used_is_asked_for(client: AsyncClient, path: str) -> None:
    response = await client.get(f"/api/v1/{path}")

    # Accepted, and then there is no database to answer.
    assert response.status_code == 503
    assert response.json()["error"]["code"] == "database_unavailable"
