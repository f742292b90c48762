"""Whatever the REST API answers, what comes of it are records, or a sentence that says what is wrong."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from mdstream.schemas import BAR
from mdstream.schemas.wire import from_micros
from mdstream.serving.dashboard.history import History, HistoryError
from tests.wrong_records import INDICATORS, good, wrong

pytestmark = pytest.mark.anyio

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
