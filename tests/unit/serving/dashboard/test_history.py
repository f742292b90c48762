"""Whatever the REST API answers, what comes of it are records, or a sentence that says what is wrong."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from mdstream.schemas import BAR, BarWindow
from mdstream.schemas.wire import from_micros
from mdstream.serving.dashboard.history import History, HistoryError
from tests.wrong_records import INDICATORS, good, wrong

pytestmark = pytest.mark.anyio

MINUTE = 60_000_000
TIMES = ("window_start", "window_end", "last_event_time", "last_ingest_time")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def history_with(answer: httpx.Response) -> History:
    history = History("http://api", "", INDICATORS)
    history._client = httpx.AsyncClient(base_url="http://api", transport=httpx.MockTransport(lambda _: answer))
    return history


def item(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as the API has them: times are ISO 8601."""
    found = {name: from_micros(fields[name]).isoformat() for name in TIMES if type(fields.get(name)) is int}
    return fields | found


async def test_items_that_are_no_records_are_left_out() -> None:
    whole = item(good(BAR))
    cases = [fields for what, fields in wrong(BAR) if not what.startswith(TIMES)]
    strange: list[object] = [None, 3, [], {}, *(whole | {name: "never"} for name in TIMES)]
    history = history_with(httpx.Response(200, json={"items": [*map(item, cases), *strange, whole]}))

    assert await history.bars("AAPL", "1min", 5) == [good(BAR)]


async def test_a_stretch_is_covered_by_long_bars_and_then_short_ones() -> None:
    asked: list[tuple[str, int, int]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        about = request.url.params
        asked.append((about["window"], int(about["start"]) // MINUTE, int(about["end"]) // MINUTE))
        return httpx.Response(200, json={"items": []})

    history = history_with(httpx.Response(200))
    history._client = httpx.AsyncClient(base_url="http://api", transport=httpx.MockTransport(answer))
    windows = [BarWindow.parse(name) for name in ("1min", "15min", "1h")]
    for start, end in ((0, 200), (0, 120), (30, 47), (31, 40), (60, 60)):
        await history.bars_between("AAPL", windows, start * MINUTE, end * MINUTE)
    assert asked == [
        ("1h", 0, 180), ("1min", 180, 200),
        ("1h", 0, 120),
        ("15min", 30, 45), ("1min", 45, 47),
        ("1min", 31, 40),
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"{}", b'{"items":3,"symbols":"x"}', b"<html>", b"\xff"])
async def test_what_is_no_answer_is_said(content: bytes) -> None:
    history = history_with(httpx.Response(200, content=content))

    for ask in (history.bars("AAPL", "1min", 5), history.symbols(), history.anomalies(1)):
        with pytest.raises(HistoryError, match="The REST API at http://api answers"):
            await ask


async def test_a_refusal_without_reasons() -> None:
    for body in ({}, {"error": 3}, {"error": {"servers": [1]}}):
        with pytest.raises(HistoryError, match="does not say why"):
            await history_with(httpx.Response(503, json=body)).problems()
