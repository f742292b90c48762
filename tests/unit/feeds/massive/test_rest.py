from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import massive
import pytest
from pydantic import SecretStr

from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds.massive import AccessError, MassiveRest
from mdstream.feeds.massive.rest import minute_bars_path, trades_path
from mdstream.feeds.supervision import Supervision
from tests.http_server import Answer
from tests.unit.feeds.massive.rest_server import (
    KEY,
    NOT_IN_PLAN,
    THROTTLED,
    MassiveRestServer,
    error,
    minute_bar,
    trade,
)

QUICK = Supervision(first_wait=0.01, longest_wait=0.02)
START = 1_517_562_000_000_000_000
Result = TypeVar("Result")


@pytest.fixture
def server() -> Iterator[MassiveRestServer]:
    with MassiveRestServer().running() as running:
        yield running


def rest_of(server: MassiveRestServer, key: str = KEY, **options: int) -> MassiveRest:
    return MassiveRest(SecretStr(key), server.url, waits=QUICK, **options)


def asked(rest: MassiveRest, call: Callable[[MassiveRest], Awaitable[Result]]) -> Result:
    async def ask() -> Result:
        async with rest:
            return await call(rest)

    return asyncio.run(asyncio.wait_for(ask(), 20))


async def all_pages(rest: MassiveRest, path: str | None) -> list[Mapping[str, object]]:
    rows: list[Mapping[str, object]] = []
    while path is not None:
        page = await rest.page(path)
        rows += page.rows
        path = page.following
    return rows


def test_pages_are_followed_on_our_server_and_hold_what_the_vendors_own_client_reads(server: MassiveRestServer) -> None:
    server.page_rows = 3
    server.trades["BRK.B"] = [trade(number, START + number * 16_036_600) for number in range(10)]
    path = trades_path("BRK.B", START, START + 9 * 16_036_600)
    rows = asked(rest_of(server), lambda rest: all_pages(rest, path))
    assert rows == server.trades["BRK.B"][:9]
    assert len(server.calls) == 3
    client = massive.RESTClient(KEY, base=server.url)
    theirs = client.list_trades(
        "BRK.B", timestamp_gte=START, timestamp_lt=START + 9 * 16_036_600, limit=50_000, sort="timestamp", order="asc"
    )
    assert [{name: value for name, value in vars(row).items() if name in rows[0]} for row in theirs] == rows
    ours, theirs_first = urlsplit(server.calls[0]), urlsplit(server.calls[3])
    assert ours.path == theirs_first.path
    assert parse_qs(ours.query) == parse_qs(theirs_first.query)


def test_minute_bars_are_asked_for_unadjusted(server: MassiveRestServer) -> None:
    first, after = datetime(2018, 2, 2, 9, tzinfo=UTC), datetime(2018, 2, 2, 9, 5, tzinfo=UTC)
    millis = 1_517_562_000_000
    server.page_rows = 2
    server.bars["AAPL"] = [minute_bar(millis + 60_000 * minute) for minute in range(6)]
    rows = asked(rest_of(server), lambda rest: all_pages(rest, minute_bars_path("AAPL", first, after)))
    assert rows == server.bars["AAPL"][:5]
    assert server.calls[0] == (
        f"/v2/aggs/ticker/AAPL/range/1/minute/{millis}/{millis + 299_999}?adjusted=false&sort=asc&limit=50000"
    )


def test_a_symbol_cannot_leave_its_place_in_the_path() -> None:
    assert trades_path("../v1?x=", 1, 2).startswith("/v3/trades/..%2Fv1%3Fx%3D?timestamp.gte=1&")


@pytest.mark.parametrize("body", ['{"status":"OK","resultsCount":0}', '{"status":"DELAYED","results":null}'])
def test_no_results_are_an_empty_page(server: MassiveRestServer, body: str) -> None:
    server.plan.append(Answer(200, body))
    page = asked(rest_of(server), lambda rest: rest.page("/v2/aggs/ticker/AAPL/range/1/minute/1/2"))
    assert (page.rows, page.following) == ([], None)


def test_whether_a_symbol_is_known(server: MassiveRestServer) -> None:
    server.trades["AAPL"] = []
    assert asked(rest_of(server), lambda rest: rest.knows("AAPL", date(2018, 2, 2)))
    assert not asked(rest_of(server), lambda rest: rest.knows("XYZQ", date(2018, 2, 2)))
    assert server.calls == ["/v3/reference/tickers/AAPL?date=2018-02-02", "/v3/reference/tickers/XYZQ?date=2018-02-02"]


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (NOT_IN_PLAN, AccessError, "does not include this: HTTP 403 You are not entitled.*massive.com/pricing"),
        (error(400, "ERROR", "error", "bad cursor"), FeedError, "massive refused: HTTP 400 bad cursor"),
        (Answer(302, "", {"Location": "http://127.0.0.1:1/"}), FeedError, "massive refused: HTTP 302"),
        (Answer(200, "[]"), FeedError, "no JSON object"),
        (error(200, "ERROR", "error", "not today"), FeedError, "massive refused: not today"),
        (Answer(200, '{"results":{}}'), FeedError, "without a list of results"),
        (Answer(200, '{"results":[1]}'), FeedError, "without a list of results"),
    ],
)
def test_what_will_not_pass_is_said_at_once(
    server: MassiveRestServer, answer: Answer, kind: type[FeedError], message: str
) -> None:
    server.plan.append(answer)
    with pytest.raises(kind, match=message):
        asked(rest_of(server), lambda rest: rest.page("/v3/trades/AAPL"))
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    "answer",
    [
        THROTTLED,
        Answer(502, "<html>"),
        Answer(200, '{"results":[{"id'),
        Answer(200, "no gzip", {"Content-Encoding": "gzip"}),
    ],
)
def test_what_may_pass_is_tried_again(
    server: MassiveRestServer, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    server.plan.extend([answer, answer])
    server.trades["AAPL"] = [trade(1, START)]
    page = asked(rest_of(server), lambda rest: rest.page("/v3/trades/AAPL"))
    assert page.rows == server.trades["AAPL"]
    assert caplog.text.count("trying again in") == 2


def test_a_server_that_is_not_there_or_throttles_for_ever_is_given_up(server: MassiveRestServer) -> None:
    server.plan.extend([THROTTLED] * 5)
    with pytest.raises(FeedError, match="no answer in 3 attempts; the last: HTTP 429 You've exceeded the maximum"):
        asked(rest_of(server, tries=3), lambda rest: rest.page("/v3/trades/AAPL"))
    gone = MassiveRest(SecretStr(KEY), "http://127.0.0.1:1", waits=QUICK, tries=2)
    with pytest.raises(FeedError, match=r"no answer in 2 attempts; the last: .*onnect"):
        asked(gone, lambda rest: rest.page("/v3/trades/AAPL"))


def test_it_waits_as_long_as_it_is_asked_to(server: MassiveRestServer, caplog: pytest.LogCaptureFixture) -> None:
    server.plan.append(error(429, "ERROR", "error", "slow down", Retry_After="1"))
    server.trades["AAPL"] = [trade(1, START)]
    asked(rest_of(server), lambda rest: rest.page("/v3/trades/AAPL"))
    assert "massive: HTTP 429 slow down; trying again in 1.0 s" in caplog.text


def test_the_plans_calls_a_minute_are_kept(server: MassiveRestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    now, slept = 1000.0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds

    monkeypatch.setattr("mdstream.feeds.massive.rest.time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr("mdstream.feeds.massive.rest.asyncio", SimpleNamespace(sleep=sleep))
    server.trades["AAPL"] = [trade(1, START)]

    async def twelve(rest: MassiveRest) -> None:
        nonlocal now
        for _ in range(12):
            await rest.page("/v3/trades/AAPL")
            now += 2.0

    asked(rest_of(server, calls_per_minute=5), twelve)
    assert [seconds for seconds in slept if seconds] == [50.0, 50.0]


def test_the_key_is_nowhere_but_in_the_header(server: MassiveRestServer, caplog: pytest.LogCaptureFixture) -> None:
    wrong = "wr0ng-k3y"
    with caplog.at_level(logging.DEBUG), pytest.raises(FeedError) as refused:
        asked(rest_of(server, wrong), lambda rest: rest.page("/v3/trades/AAPL?apiKey=x"))
    assert re.fullmatch(
        r"massive refuses the API key: HTTP 401 Unknown API Key \*\*\*; check MDSTREAM_FEEDS__MASSIVE__API_KEY",
        str(refused.value),
    )
    server.plan.append(Answer(200, f'{{"results":[],"next_url":"https://elsewhere.test/p?apiKey={KEY}&cursor=1"}}'))
    with caplog.at_level(logging.DEBUG):
        page = asked(rest_of(server), lambda rest: rest.page("/v3/trades/AAPL"))
    assert page.following == "/p?cursor=1"
    assert asked(rest_of(server), lambda rest: rest.page("http://elsewhere.test/v3/trades/AAPL")).rows == []
    server.plan.append(Answer(500, f"oops {KEY}"))
    with caplog.at_level(logging.DEBUG), pytest.raises(FeedError) as failed:
        asked(rest_of(server, tries=1), lambda rest: rest.page("/v3/trades/AAPL"))
    texts = [caplog.text, repr(rest_of(server)), str(failed.value), str(failed.value.__cause__)]
    assert caplog.records
    assert not any(secret in text for text in texts for secret in (KEY, wrong))


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("", r"set MDSTREAM_FEEDS__MASSIVE__API_KEY .* massive.com/dashboard/keys"),
        ("s3cret\n", "has characters that no key has"),
        ("s3crét", "has characters that no key has"),
    ],
)
def test_a_key_that_cannot_be_one_is_refused_unseen(key: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as refused:
        MassiveRest(SecretStr(key), "http://127.0.0.1:1")
    assert "s3cr" not in str(refused.value)
