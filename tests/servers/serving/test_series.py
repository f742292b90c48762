"""Ticks and bars in pages and ranges of time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient

from mdstream.config import TimescaleSettings
from tests.servers.serving.rows import NOON, bar, store_bars, store_ticks, tick

pytestmark = pytest.mark.anyio

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


async def page(client: AsyncClient, path: str, **parameters: str | int) -> dict[str, Any]:
    response = await client.get(f"/api/v1/{path}", params=parameters)
    assert response.status_code == 200, response.text
    assert response.headers["X-Source"] == "database"
    answer: dict[str, Any] = response.json()
    return answer


async def pages(client: AsyncClient, path: str, **parameters: str | int) -> list[list[int]]:
    """Follow the cursors to the end; return the offsets of each page."""
    found: list[list[int]] = []
    cursor = None
    while True:
        answer = await page(client, path, **parameters | ({"cursor": cursor} if cursor else {}))
        found.append([item["kafka_offset"] for item in answer["items"]])
        cursor = answer["next_cursor"]
        if cursor is None:
            return found
        assert len(found) < 50


def seven_ticks() -> list[dict[str, Any]]:
    """Four of them at one time, which pages of two and three have to cut."""
    times = [0, 1, 1, 1, 1, 2, 2]
    return [tick(offset, NOON + SECOND * seconds) for offset, seconds in enumerate(times)]


@pytest.mark.parametrize(
    ("limit", "order", "expected"),
    [
        (1, "desc", [[6], [5], [4], [3], [2], [1], [0]]),
        (2, "desc", [[6, 5], [4, 3], [2, 1], [0]]),
        (3, "desc", [[6, 5, 4], [3, 2, 1], [0]]),
        (6, "desc", [[6, 5, 4, 3, 2, 1], [0]]),
        (7, "desc", [[6, 5, 4, 3, 2, 1, 0]]),
        (8, "desc", [[6, 5, 4, 3, 2, 1, 0]]),
        (2, "asc", [[0, 1], [2, 3], [4, 5], [6]]),
        (3, "asc", [[0, 1, 2], [3, 4, 5], [6]]),
        (7, "asc", [[0, 1, 2, 3, 4, 5, 6]]),
    ],
)
async def test_every_tick_is_on_one_page(
    client: AsyncClient, database: TimescaleSettings, limit: int, order: str, expected: list[list[int]]
) -> None:
    store_ticks(database, *seven_ticks(), tick(99, symbol="MSFT"))

    assert await pages(client, "ticks/AAPL", limit=limit, order=order) == expected


async def test_the_newest_come_first_unless_asked_otherwise(client: AsyncClient, database: TimescaleSettings) -> None:
    store_ticks(database, *seven_ticks())

    answer = await page(client, "ticks/AAPL")

    assert (answer["symbol"], answer["order"], answer["next_cursor"]) == ("AAPL", "desc", None)
    assert [item["kafka_offset"] for item in answer["items"]] == [6, 5, 4, 3, 2, 1, 0]


async def test_equal_times_are_ordered_by_partition_then_offset(
    client: AsyncClient, database: TimescaleSettings
) -> None:
    store_ticks(
        database,
        tick(30, kafka_partition=0),
        tick(20, kafka_partition=1),
        tick(10, kafka_partition=1),
        tick(40, kafka_partition=2),
    )

    assert await pages(client, "ticks/AAPL", limit=1) == [[40], [20], [10], [30]]


async def test_equal_prints_are_all_there(client: AsyncClient, database: TimescaleSettings) -> None:
    store_ticks(database, *(tick(offset, price=50.0, size=100.0, trade_id="1") for offset in range(5)))

    items = (await page(client, "ticks/AAPL"))["items"]

    assert [(item["kafka_partition"], item["kafka_offset"]) for item in items] == [
        (0, 4),
        (0, 3),
        (0, 2),
        (0, 1),
        (0, 0),
    ]
    assert {item["price"] for item in items} == {50.0}


async def test_pages_hold_while_ticks_arrive(client: AsyncClient, database: TimescaleSettings) -> None:
    store_ticks(database, *seven_ticks())
    first = await page(client, "ticks/AAPL", limit=3)
    # A newer one; one among those of equal time that were already seen; a late one that is still to come.
    store_ticks(database, tick(100, NOON + SECOND * 3), tick(5, NOON + SECOND * 3), tick(7, NOON))

    second = await page(client, "ticks/AAPL", limit=3, cursor=first["next_cursor"])
    third = await page(client, "ticks/AAPL", limit=3, cursor=second["next_cursor"])

    offsets = [[item["kafka_offset"] for item in answer["items"]] for answer in (first, second, third)]
    assert offsets == [[6, 5, 4], [3, 2, 1], [7, 0]]
    assert third["next_cursor"] is None


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2024-05-06T12:00:01Z", "2024-05-06T12:00:02Z", [4, 3, 2, 1]),
        ("2024-05-06T12:00:01.000001Z", "2024-05-06T12:00:02Z", []),
        ("2024-05-06T12:00:01Z", "2024-05-06T12:00:02.000001Z", [6, 5, 4, 3, 2, 1]),
        ("2024-05-06T14:00:01+02:00", "2024-05-06T08:00:02-04:00", [4, 3, 2, 1]),
        ("1714996801000000", "1714996802000000", [4, 3, 2, 1]),
        ("2024-05-06T12:00:02", None, [6, 5]),
        (None, "2024-05-06 12:00:01", [0]),
        ("2024-05-06", "2024-05-07", [6, 5, 4, 3, 2, 1, 0]),
        ("2024-05-06T12:00:01Z", "2024-05-06T12:00:01Z", []),
        ("1990-01-01", "2024-05-06", []),
        ("9999-12-31", None, []),
    ],
)
async def test_start_is_included_and_end_is_not(
    client: AsyncClient, database: TimescaleSettings, start: str | None, end: str | None, expected: list[int]
) -> None:
    store_ticks(database, *seven_ticks())
    bounds = {name: value for name, value in {"start": start, "end": end}.items() if value}

    assert await pages(client, "ticks/AAPL", **bounds) == [expected]
    assert await pages(client, "ticks/AAPL", **bounds, order="asc") == [expected[::-1]]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_pages_of_a_range(client: AsyncClient, database: TimescaleSettings, order: str) -> None:
    store_ticks(database, *seven_ticks())

    found = await pages(
        client, "ticks/AAPL", start="2024-05-06T12:00:01Z", end="2024-05-06T12:00:02Z", limit=2, order=order
    )

    assert found == ([[1, 2], [3, 4]] if order == "asc" else [[4, 3], [2, 1]])


async def test_pages_over_days_and_years(client: AsyncClient, database: TimescaleSettings) -> None:
    # Around the week that is looked at first, long ago, and today in a partition of its own.
    now = datetime.now(UTC)
    ages = [0, 1, 3, 6, 8, 9, 13, 15, 40, 400, 4000]
    store_ticks(database, *(tick(age, now - timedelta(days=age)) for age in ages))

    assert await pages(client, "ticks/AAPL", limit=3) == [[0, 1, 3], [6, 8, 9], [13, 15, 40], [400, 4000]]
    assert await pages(client, "ticks/AAPL", limit=4) == [[0, 1, 3, 6], [8, 9, 13, 15], [40, 400, 4000]]
    before = (now - timedelta(days=7)).isoformat()
    assert await pages(client, "ticks/AAPL", limit=2, end=before) == [[8, 9], [13, 15], [40, 400], [4000]]


async def test_a_cursor_is_good_for_its_own_series_only(client: AsyncClient, database: TimescaleSettings) -> None:
    store_ticks(database, *seven_ticks(), tick(1, symbol="MSFT"))
    store_bars(database, bar())
    cursor = (await page(client, "ticks/AAPL", limit=1))["next_cursor"]

    for path in ("ticks/MSFT", "ticks/AAPL?order=asc", "aggregated/AAPL"):
        response = await client.get(
            f"/api/v1/{path}", params={"cursor": cursor} | ({"order": "asc"} if "?" in path else {})
        )
        assert (response.status_code, response.json()["error"]["field"]) == (422, "cursor")


async def test_one_bar_whole(client: AsyncClient, database: TimescaleSettings) -> None:
    store_bars(
        database,
        bar(
            open=10.0,
            high=12.5,
            low=9.75,
            close=11.0,
            volume=1500.0,
            vwap=10.875,
            trade_count=42,
            last_event_time=NOON + timedelta(seconds=59, microseconds=999_999),
            last_ingest_time=NOON + MINUTE,
        ),
    )

    assert await page(client, "aggregated/AAPL", window="1min") == {
        "symbol": "AAPL",
        "window": "1min",
        "order": "desc",
        "items": [
            {
                "symbol": "AAPL",
                "window": "1min",
                "window_start": "2024-05-06T12:00:00Z",
                "window_end": "2024-05-06T12:01:00Z",
                "open": 10.0,
                "high": 12.5,
                "low": 9.75,
                "close": 11.0,
                "volume": 1500.0,
                "vwap": 10.875,
                "trade_count": 42,
                "last_event_time": "2024-05-06T12:00:59.999999Z",
                "last_ingest_time": "2024-05-06T12:01:00Z",
            }
        ],
        "next_cursor": None,
    }


async def test_the_newest_revision_of_a_bar(client: AsyncClient, database: TimescaleSettings) -> None:
    store_bars(database, bar(close=1.0, trade_count=1))
    first = await page(client, "aggregated/AAPL")
    store_bars(database, bar(close=2.0, trade_count=2))
    second = await page(client, "aggregated/AAPL")

    assert [item["close"] for item in first["items"]] == [1.0]
    assert [item["close"] for item in second["items"]] == [2.0]


async def test_bars_of_one_window_in_pages(client: AsyncClient, database: TimescaleSettings) -> None:
    minutes = [bar(NOON + MINUTE * number, volume=float(number)) for number in range(5)]
    store_bars(database, *minutes, bar(window="5min", volume=500.0), bar(symbol="MSFT", volume=7.0))

    first = await page(client, "aggregated/AAPL", window="1min", limit=2)
    store_bars(database, bar(NOON + MINUTE * 5, volume=5.0))
    second = await page(client, "aggregated/AAPL", window="1min", limit=3, cursor=first["next_cursor"])
    five = await page(client, "aggregated/AAPL", window="5min")

    assert [item["volume"] for item in first["items"]] == [4.0, 3.0]
    assert [item["volume"] for item in second["items"]] == [2.0, 1.0, 0.0]
    assert second["next_cursor"] is None
    assert [item["volume"] for item in five["items"]] == [500.0]


async def test_a_bar_belongs_to_a_range_by_its_start(client: AsyncClient, database: TimescaleSettings) -> None:
    store_bars(database, *(bar(NOON + MINUTE * number, volume=float(number)) for number in range(4)))

    found = await page(client, "aggregated/AAPL", start="2024-05-06T12:01Z", end="2024-05-06T12:03Z", order="asc")

    assert [item["volume"] for item in found["items"]] == [1.0, 2.0]


@pytest.mark.parametrize("path", ["ticks/AAPL", "aggregated/AAPL?window=15min"])
async def test_a_known_symbol_without_rows_is_no_error(
    client: AsyncClient, database: TimescaleSettings, path: str
) -> None:
    store_bars(database, bar(window="1min"))

    response = await client.get(f"/api/v1/{path}")

    assert response.status_code == 200
    assert (response.json()["items"], response.json()["next_cursor"]) == ([], None)


@pytest.mark.parametrize("path", ["ticks/AAPLE", "aggregated/AAPLE", "ticks/AAPLE?start=2024-05-06"])
async def test_an_unknown_symbol_is_an_error(client: AsyncClient, database: TimescaleSettings, path: str) -> None:
    store_ticks(database, *seven_ticks(), tick(1, symbol="MSFT"))

    response = await client.get(f"/api/v1/{path}")

    assert response.status_code == 404
    assert response.json()["error"]["known"] == ["AAPL", "MSFT"]


@pytest.mark.parametrize("symbol", ["BRK.B", "BTC/USD", "ticks/BTC/USD"])
async def test_odd_symbols(client: AsyncClient, database: TimescaleSettings, symbol: str) -> None:
    store_ticks(database, *(tick(offset, symbol=symbol) for offset in range(3)))
    store_bars(database, bar(symbol=symbol))

    assert await pages(client, f"ticks/{symbol}", limit=2) == [[2, 1], [0]]
    assert (await page(client, f"aggregated/{symbol}"))["items"][0]["symbol"] == symbol


async def test_as_many_as_a_page_may_have(client: AsyncClient, database: TimescaleSettings) -> None:
    store_ticks(database, *(tick(offset, NOON + timedelta(microseconds=offset)) for offset in range(5001)))

    found = await pages(client, "ticks/AAPL", limit=5000, order="asc")

    assert [len(offsets) for offsets in found] == [5000, 1]
    assert [offset for offsets in found for offset in offsets] == list(range(5001))
