"""What every live feed promises, for one that asks, over a real socket to a server that misbehaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import orjson
import pytest
from pydantic import SecretStr

from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds import FeedBatch, WireTick
from mdstream.feeds.alphavantage import AlphaVantageAccount, AlphaVantageFeed
from mdstream.feeds.supervision import LiveFeed, Supervision
from tests.http_server import Answer
from tests.unit.feeds.alphavantage.test_answers import BAD_CALL, BURST, DAILY, OLD_NOTE, PREMIUM
from tests.unit.feeds.alphavantage.vendor_server import KEY, AlphaVantageServer, bars, said
from tests.unit.feeds.clock import ManualClock
from tests.unit.feeds.taking import take

_DEADLINE = 20
_DAY = "2024-03-08"
FIRST, SECOND, THIRD = ((f"{_DAY} 09:{minute}:00", 86.5, minute) for minute in (30, 31, 32))


def eastern(wall: str) -> int:
    return int(datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo("America/New_York")).timestamp()) * 1_000_000


def clock_at(wall: str = f"{_DAY} 10:00") -> ManualClock:
    return ManualClock(eastern(wall))


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), _DEADLINE))


async def opened(server: AlphaVantageServer, clock: ManualClock, *symbols: str, **changes: object) -> AlphaVantageFeed:
    supervision = Supervision(first_wait=0.5, longest_wait=8)
    feed = AlphaVantageFeed(server.account(**changes), supervision, clock=clock)  # type: ignore[arg-type]
    await feed.connect()
    await feed.subscribe(symbols or ["IBM"])
    return feed


def serve_and_take(
    plan: list[Answer], count: int = 1, clock: ManualClock | None = None, *symbols: str, **changes: object
) -> tuple[AlphaVantageServer, list[WireTick], list[FeedBatch]]:
    """Return what a feed delivers of the answers of a server."""
    ticking = clock or clock_at()
    found: list[tuple[list[WireTick], list[FeedBatch]]] = []

    async def test() -> None:
        found.append(await take(await opened(server, ticking, *symbols, **changes), count))

    with AlphaVantageServer(*plan, clock=ticking).running() as server:
        run(test)
    return server, *found[0]


def test_new_bars_are_delivered_once_with_their_source() -> None:
    plan = [bars(FIRST), bars(FIRST, SECOND), bars(FIRST, SECOND, THIRD)]
    server, ticks, _ = serve_and_take(plan, 2)
    assert [(tick["symbol"], tick["size"], tick["source"]) for tick in ticks] == [
        ("IBM", 31.0, "alphavantage"),
        ("IBM", 32.0, "alphavantage"),
    ]
    assert all(tick["ingest_time"] > tick["event_time"] for tick in ticks)
    asked = {"function": "TIME_SERIES_INTRADAY", "symbol": "IBM", "interval": "1min", "adjusted": "false"}
    assert server.asked == [asked | {"outputsize": "compact"}] * 3
    assert server.asked_at == [0.0, 60.0, 120.0]


def test_a_bar_is_delivered_when_its_minute_is_over() -> None:
    forming, done = (f"{_DAY} 10:01:00", 86.9, 5), (f"{_DAY} 10:01:00", 87.0, 9)
    _, ticks, _ = serve_and_take([bars(FIRST), bars(FIRST, forming), bars(FIRST, done)])
    assert [(tick["price"], tick["size"]) for tick in ticks] == [(87.0, 9.0)]


def test_what_a_plan_includes_is_asked_for() -> None:
    server, _, _ = serve_and_take([bars(FIRST), bars(FIRST, SECOND)], entitlement="delayed")
    assert {asked["entitlement"] for asked in server.asked} == {"delayed"}


def test_calls_are_spread_over_minute_and_day_whatever_they_are_answered(caplog: pytest.LogCaptureFixture) -> None:
    clock = clock_at("2024-03-08 00:00")

    async def test() -> None:
        feed = await opened(server, clock, "IBM", "MSFT", calls_per_minute=5, calls_per_day=25)
        taking = asyncio.create_task(take(feed, 1))
        while clock.elapsed < 3 * 86_400:
            await asyncio.sleep(0)
        await feed.close()
        await taking

    with AlphaVantageServer(said({"Information": "busy"}), clock=clock).running() as server:
        run(test)
    times = server.asked_at
    assert len(times) >= 50
    assert all(later - earlier >= 12 for earlier, later in pairwise(times))
    assert all(later - earlier >= 86_400 for earlier, later in zip(times, times[25:], strict=False))
    assert "each of 2 symbols is asked for every 1:55:12" in caplog.text


@pytest.mark.parametrize(
    ("message", "seconds"),
    [({"Note": OLD_NOTE}, 60), ({"Information": BURST}, 1), ({"Information": DAILY}, 14 * 3600)],
)
def test_a_throttled_call_is_made_again_when_it_may_be(message: dict[str, str], seconds: float) -> None:
    server, ticks, _ = serve_and_take([said(message), bars(FIRST), bars(FIRST, SECOND)])
    assert len(ticks) == 1
    assert server.asked_at[1] - server.asked_at[0] == pytest.approx(seconds)


def test_waits_grow_while_calls_fail() -> None:
    failures = [said({"Information": BURST})] * 6
    server, _, _ = serve_and_take([*failures, bars(FIRST), bars(FIRST, SECOND)])
    waits = [later - earlier for earlier, later in zip(server.asked_at, server.asked_at[1:7], strict=False)]
    assert waits[0] == 1
    assert all(4 <= wait <= 8 for wait in waits[4:])


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        (Answer(503, b""), 0.25),
        (Answer(503, b"", {"Retry-After": "30"}), 30),
        (Answer(429, b"", {"Retry-After": "soon"}), 0.25),
        (Answer(200, b"short", headers={"Content-Length": "1000"}), 0.25),
    ],
)
def test_a_server_that_is_in_trouble_is_asked_again(failure: Answer, seconds: float) -> None:
    server, ticks, _ = serve_and_take([failure, bars(FIRST), bars(FIRST, SECOND)])
    assert len(ticks) == 1
    assert server.asked_at[1] >= seconds


def test_a_server_that_is_not_there_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        feed = await opened(server, clock_at())
        taking = asyncio.create_task(take(feed, 1))
        while caplog.text.count("asking again in") < 3:
            await asyncio.sleep(0.005)
        await feed.close()
        assert (await taking)[0] == []

    with AlphaVantageServer().running() as server:
        pass
    run(test)
    assert server.asked == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (said({"Information": PREMIUM}), "premium endpoint.* feeds.alphavantage.entitlement"),
        (said({"Error Message": BAD_CALL}), "no bars of IBM: Invalid API call.*; there is no other symbol"),
        (Answer(403), "alphavantage refuses us: HTTP 403 Forbidden"),
    ],
)
def test_who_is_refused_for_good_does_not_ask_again(answer: Answer, message: str) -> None:
    with AlphaVantageServer(answer).running() as server:

        async def test() -> None:
            feed = await opened(server, clock_at())
            with pytest.raises(FeedError, match=message):
                await take(feed, 1)

        run(test)
    assert len(server.asked) == 1


def test_a_symbol_that_is_not_known_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    plan = [said({"Error Message": BAD_CALL}), bars(FIRST), bars(FIRST, SECOND)]
    server, ticks, _ = serve_and_take(plan, 1, None, "IBMM", "IBM")
    assert [asked["symbol"] for asked in server.asked] == ["IBMM", "IBM", "IBM"]
    assert [tick["symbol"] for tick in ticks] == ["IBM"]
    assert "no bars of IBMM: Invalid API call" in caplog.text


def test_a_gap_behind_a_short_answer_is_filled_with_a_long_one() -> None:
    everything = bars(FIRST, SECOND, THIRD)
    server, ticks, _ = serve_and_take([bars(FIRST), bars(THIRD), everything, everything], 2)
    assert [asked["outputsize"] for asked in server.asked] == ["compact", "compact", "full"]
    assert [tick["size"] for tick in ticks] == [31.0, 32.0]


def test_a_plan_without_long_answers_goes_on_with_short_ones(caplog: pytest.LogCaptureFixture) -> None:
    plan = [bars(FIRST), bars(THIRD), said({"Information": PREMIUM}), bars(THIRD)]
    server, ticks, _ = serve_and_take(plan)
    assert [asked["outputsize"] for asked in server.asked] == ["compact", "compact", "full", "compact"]
    assert [tick["size"] for tick in ticks] == [32.0]
    assert "only the newest bars of an answer are there" in caplog.text


def test_malformed_answers_are_kept_beside_the_good_ones_and_once() -> None:
    body = orjson.loads(bars(FIRST, SECOND).body)
    body["Time Series (1min)"][THIRD[0]] = {"4. close": "?", "5. volume": "1"}
    body["Time Series (1min)"][f"{_DAY} 09:33:00"] = {"4. close": "-1", "5. volume": "1"}
    later = orjson.loads(orjson.dumps(body))
    later["Time Series (1min)"][f"{_DAY} 09:34:00"] = {"4. close": "86.5", "5. volume": "34"}
    plan = [bars(FIRST), Answer(200, b"<html>"), said(body), said(later)]
    _, ticks, batches = serve_and_take(plan, 2)
    assert [tick["size"] for tick in ticks] == [31.0, 34.0]
    reasons = [reject.reason for batch in batches for reject in batch.rejects]
    assert reasons[0] == "not JSON"
    assert reasons[1].startswith("not a bar of alphavantage: ValueError: could not convert string to float: '?'")
    assert reasons[2:] == ["price not positive: -1.0"]


def test_a_stop_gives_up_the_call_that_is_under_way() -> None:
    async def test() -> None:
        feed = await opened(server, clock_at())
        taking = asyncio.create_task(take(feed, 1))
        while not server.asked:
            await asyncio.sleep(0.005)
        await feed.close()
        assert (await taking)[0] == []

    with AlphaVantageServer(Answer(200, held=True)).running() as server:
        run(test)


def test_a_stop_while_waiting_ends_it_at_once() -> None:
    async def test() -> None:
        feed = AlphaVantageFeed(server.account(poll_seconds=3600.0))
        await feed.subscribe(["IBM"])
        taking = asyncio.create_task(take(feed, 1))
        while not feed.counts.frames:
            await asyncio.sleep(0.005)
        await feed.close()
        assert (await taking)[0] == []

    with AlphaVantageServer(bars(FIRST)).running() as server:
        run(test)


def test_symbols_may_be_added_while_it_runs() -> None:
    async def test() -> None:
        feed = await opened(server, clock_at())
        taking = asyncio.create_task(take(feed, 2))
        while not feed.counts.frames:
            await asyncio.sleep(0)
        await feed.subscribe(["MSFT"])
        assert {tick["symbol"] for tick in (await taking)[0]} <= {"IBM", "MSFT"}

    plan = [bars(FIRST), bars(FIRST), bars(FIRST), bars(FIRST, SECOND)]
    with AlphaVantageServer(*plan).running() as server:
        run(test)
    assert {asked["symbol"] for asked in server.asked} == {"IBM", "MSFT"}


def test_a_wrong_key_ends_the_feed_at_once(caplog: pytest.LogCaptureFixture) -> None:
    with AlphaVantageServer(bars(FIRST)).running() as server:

        async def test() -> None:
            feed = await opened(server, clock_at(), key="wr0ng-key")
            with pytest.raises(FeedError, match="refuses the API key: the parameter apikey is invalid or missing"):
                await take(feed, 1)

        with caplog.at_level(logging.DEBUG):
            run(test)
    assert len(server.asked) == 1
    assert_never_shown("wr0ng-key", caplog)


@pytest.mark.parametrize(
    "message",
    [
        {"Information": f"We have detected your API key as {KEY} and our rate limit is 25 requests per day."},
        {"Information": "x" * 490 + KEY},
        {"Note": f"slower, {KEY}"},
    ],
)
def test_a_key_that_is_repeated_to_us_is_blacked_out(message: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        _, _, batches = serve_and_take([said(message), Answer(200, KEY), bars(FIRST), bars(FIRST, SECOND)])
    assert batches[0].rejects[0].payload == b"***"
    assert "HTTP Request: GET" in caplog.text, "the address is logged, without the key"
    assert_never_shown(KEY, caplog)


def test_an_error_that_repeats_the_key_is_blacked_out() -> None:
    with AlphaVantageServer(said({"Error Message": f"apikey {KEY} is invalid"})).running() as server:

        async def test() -> None:
            with pytest.raises(FeedError, match=r"apikey \*\*\* is invalid") as raised:
                await take(await opened(server, clock_at()), 1)
            assert raised.value.__suppress_context__

        run(test)


def assert_never_shown(key: str, caplog: pytest.LogCaptureFixture) -> None:
    assert caplog.records
    assert not any(key in record.getMessage() or key[:6] in record.getMessage() for record in caplog.records)


def test_without_a_key_it_says_where_it_is_set_and_made() -> None:
    message = r"set MDSTREAM_FEEDS__ALPHAVANTAGE__API_KEY .* www.alphavantage.co/support"
    with pytest.raises(InvalidInputError, match=message):
        AlphaVantageAccount(SecretStr(""))
    assert KEY not in repr(AlphaVantageAccount(SecretStr(KEY)))


@pytest.mark.parametrize(("symbols", "message"), [([], "none was named"), (["A\n"], "symbol malformed: A\n")])
def test_symbols_that_cannot_be_delivered_are_refused(symbols: list[str], message: str) -> None:
    feed = AlphaVantageFeed(AlphaVantageAccount(SecretStr(KEY)))
    assert isinstance(feed, LiveFeed)
    with pytest.raises(InvalidInputError, match=message):
        asyncio.run(feed.subscribe(symbols))
