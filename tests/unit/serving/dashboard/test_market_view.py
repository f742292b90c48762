"""What pages are answered: at once where something is new, and what lies before their bars."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from mdstream.config import Settings
from mdstream.schemas import BAR
from mdstream.schemas.wire import from_micros
from mdstream.serving.dashboard.market_view import MarketView
from tests.wrong_records import good

pytestmark = pytest.mark.anyio

TIMES = ("window_start", "window_end", "last_event_time", "last_ingest_time")
DEADLINE_SECONDS = 10


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_who_waits_hears_at_once() -> None:
    view = MarketView(Settings())
    first = await view.answer("", "1min", 0, "")
    waiting = asyncio.create_task(view.answer("", "1min", first["version"], first["epoch"], wait=60 * DEADLINE_SECONDS))
    await asyncio.sleep(0)
    assert not waiting.done()

    view._receive("bar", good(BAR), False)
    answer = await asyncio.wait_for(waiting, DEADLINE_SECONDS)
    assert [quote["symbol"] for quote in answer["quotes"]] == [good(BAR)["symbol"]]
    # What another process said before means nothing, so there is nothing to wait for.
    other = view.answer("", "1min", answer["version"], "another", wait=60 * DEADLINE_SECONDS)
    assert (await asyncio.wait_for(other, DEADLINE_SECONDS))["quotes"] == answer["quotes"]


async def test_a_wait_ends() -> None:
    view = MarketView(Settings())
    first = await view.answer("", "1min", 0, "")
    again = await asyncio.wait_for(view.answer("", "1min", first["version"], first["epoch"], 0.01), DEADLINE_SECONDS)
    assert (again["version"], again["quotes"]) == (first["version"], [])


async def test_older_bars_come_from_the_api() -> None:
    asked: list[httpx.Request] = []
    bar = good(BAR)
    item: dict[str, Any] = bar | {name: from_micros(bar[name]).isoformat() for name in TIMES}

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"items": [item] if "aggregated" in request.url.path else []})

    view = MarketView(Settings())
    view._history._client = httpx.AsyncClient(base_url="http://api", transport=httpx.MockTransport(answer))
    older = await view.older("AAPL", "1min", before=1_000)

    assert [each["start"] for each in older["bars"]] == [bar["window_start"] // 1_000]
    assert (older["anomalies"], older["more"]) == ([], False)
    assert {request.url.params["end"] for request in asked} == {"1000000"}
    assert {request.url.params["window"] for request in asked} == {"1min"}
