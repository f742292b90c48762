"""Quotes in pages, and who rises and falls most; changes are computed by hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from httpx import AsyncClient

from mdstream.config import TimescaleSettings
from mdstream.schemas import BAR, STORED_QUOTE
from tests.servers.serving.rows import NOON, bar, store

pytestmark = pytest.mark.anyio

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def quote(offset: int, event_time: datetime = NOON, symbol: str = "AAPL", **fields: object) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(STORED_QUOTE.schema.names)
    place = {"symbol": symbol, "event_time": event_time, "kafka_partition": 0, "kafka_offset": offset}
    return row | {"bid": 99.5, "ask": 100.5} | place | fields


async def answer(client: AsyncClient, path: str, **parameters: str | int) -> dict[str, Any]:
    response = await client.get(f"/api/v1/{path}", params=parameters)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def test_every_quote_is_on_one_page_and_the_newest_first(
    client: AsyncClient, database: TimescaleSettings
) -> None:
    times = [0, 1, 1, 1, 2]
    store(
        database, STORED_QUOTE, *(quote(n, NOON + SECOND * time) for n, time in enumerate(times)), quote(9, symbol="B")
    )

    newest = await answer(client, "quotes/AAPL", limit=1)
    [item] = newest["items"]
    assert item == quote(4) | {"event_time": "2024-05-06T12:00:02Z"}
    second = await answer(client, "quotes/AAPL", limit=3, cursor=newest["next_cursor"])
    assert [row["kafka_offset"] for row in second["items"]] == [3, 2, 1]
    span = await answer(client, "quotes/AAPL", start="2024-05-06T12:00:01Z", end="2024-05-06T12:00:02Z", order="asc")
    assert ([row["kafka_offset"] for row in span["items"]], span["next_cursor"]) == ([1, 2, 3], None)


async def test_a_symbol_of_quotes_alone_is_known(client: AsyncClient, database: TimescaleSettings) -> None:
    store(database, STORED_QUOTE, quote(1, symbol="ONLY/Q"))
    assert (await answer(client, "symbols"))["symbols"] == ["ONLY/Q"]
    assert (await answer(client, "quotes/ONLY/Q", start="2024-05-07"))["items"] == []
    assert (await client.get("/api/v1/quotes/NONE")).status_code == 404


CLOSES: dict[str, tuple[float, ...]] = {
    # The bar before, and the newest that is complete at noon; the third ends after it.
    "UP10": (100.0, 110.0, 1.0),
    "UP5": (100.0, 105.0),
    "UP5A": (200.0, 210.0),
    "DOWN20": (100.0, 80.0),
    "DOWN1": (100.0, 99.0),
    "SAME": (100.0, 100.0),
    "ALONE": (100.0,),
}


def bars_at_noon() -> list[dict[str, Any]]:
    """Bars of which the second of each symbol ends at noon."""
    return [
        bar(NOON - 2 * MINUTE + MINUTE * number, symbol, close=close)
        for symbol, closes in CLOSES.items()
        for number, close in enumerate(closes)
    ]


async def test_who_rises_and_falls_most_as_of_a_time(client: AsyncClient, database: TimescaleSettings) -> None:
    store(database, BAR, *bars_at_noon(), *(bar(NOON - 3 * MINUTE, "UP5", "5min", close=close) for close in (1.0,)))

    found = await answer(client, "movers", at="2024-05-06T12:00:00Z")
    assert (found["window"], found["as_of"]) == ("1min", "2024-05-06T12:00:00Z")
    ranks = [(row["mover_rank"], row["symbol"]) for row in found["items"]]
    assert ranks == [(1, "UP10"), (2, "UP5"), (3, "UP5A"), (-1, "DOWN20"), (-2, "DOWN1")]
    assert [row["simple_return"] for row in found["items"]] == pytest.approx([0.1, 0.05, 0.05, -0.2, -0.01], abs=1e-12)
    assert (found["items"][0]["close"], found["items"][0]["close_before"]) == (110.0, 100.0)
    assert (found["items"][0]["window_end"], found["items"][0]["volume"]) == ("2024-05-06T12:00:00Z", 300.0)

    few = await answer(client, "movers", at="2024-05-06T12:00:00Z", limit=1)
    assert [row["symbol"] for row in few["items"]] == ["UP10", "DOWN20"]
    later = await answer(client, "movers", at="2024-05-06T12:01:00Z", limit=1)
    assert [(row["mover_rank"], row["symbol"]) for row in later["items"]] == [(1, "UP5"), (-1, "UP10")]
    assert (await answer(client, "movers", window="5min", at="2024-05-06T12:05:00Z"))["items"] == []
    assert (await answer(client, "movers"))["items"] == [], "as of now all of this is too long ago"


async def test_what_is_gone_is_left_out_and_the_bar_before_may_be_older(
    client: AsyncClient, database: TimescaleSettings
) -> None:
    store(
        database,
        BAR,
        *(bar(NOON - days * DAY - MINUTE, "WEEKEND", close=close) for days, close in ((3, 100.0), (0, 101.0))),
        *(bar(NOON - days * DAY - MINUTE, "GONE", close=close) for days, close in ((3, 100.0), (2, 101.0))),
        *(bar(NOON - days * DAY - MINUTE, "TOO OLD", close=close) for days, close in ((10, 100.0), (0, 101.0))),
        *(bar(NOON - n * MINUTE, "TINY", close=close) for n, close in ((2, 5e-324), (1, 1e12))),
        *(bar(NOON - n * MINUTE, "BELOW ZERO", close=close) for n, close in ((2, -5.0), (1, 1.0))),
    )  # fmt: skip
    at = "2024-05-06T12:00:00Z"
    assert [row["symbol"] for row in (await answer(client, "movers", at=at))["items"]] == ["WEEKEND"]
    older = await answer(client, "movers", at=at, max_age_seconds=4 * 86_400)
    assert [row["symbol"] for row in older["items"]] == ["GONE", "TOO OLD", "WEEKEND"]


async def test_movers_as_a_table(client: AsyncClient, database: TimescaleSettings) -> None:
    store(database, BAR, *bars_at_noon())
    response = await client.get("/api/v1/movers", params={"at": "2024-05-06T12:00:00Z", "limit": 1, "format": "csv"})
    header, *rows = response.text.splitlines()
    assert header.replace('"', "").split(",")[-3:] == ["close_before", "simple_return", "mover_rank"]
    assert [row.split(",")[0].strip('"') for row in rows] == ["UP10", "DOWN20"]
