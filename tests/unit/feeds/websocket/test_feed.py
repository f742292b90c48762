"""What every WebSocket feed promises, with a real socket to a server that misbehaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from http import HTTPStatus

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds import FeedBatch, WireTick
from mdstream.feeds.websocket import BinanceVenue, EvictedError, Overflow, Supervision, WebSocketFeed
from tests.unit.feeds.websocket.venue_server import BinanceServer, running, sending, silent, trade

_QUICK = Supervision(first_wait=0.01, longest_wait=0.05, evicted_wait=0.05, healthy_after=0.01, open_within=5)
_DEADLINE = 20


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), _DEADLINE))


async def take(feed: WebSocketFeed, count: int) -> tuple[list[WireTick], list[FeedBatch]]:
    """Return the first `count` ticks, then close the feed."""
    ticks: list[WireTick] = []
    batches: list[FeedBatch] = []
    async for batch in feed:
        ticks.extend(batch.ticks)
        batches.append(batch)
        if len(ticks) >= count:
            await feed.close()
    return ticks, batches


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


async def subscribed(server: BinanceServer, supervision: Supervision = _QUICK) -> WebSocketFeed:
    feed = WebSocketFeed(BinanceVenue(server.url), supervision)
    await feed.connect()
    await feed.subscribe(["BTCUSDT", "ETHUSDT"])
    return feed


def test_ticks_arrive_as_they_were_traded() -> None:
    async def test() -> None:
        async with running(sending([trade(1), trade(2, "ETHUSDT", p="2683.8", q="0.0022")])) as server:
            ticks, _ = await take(await subscribed(server), 2)
        first = ticks[0]
        assert first.pop("ingest_time") > 1_723_161_255_342_000
        assert first == {
            "symbol": "BTCUSDT", "price": 61837.63, "size": 0.02, "event_time": 1_723_161_255_342_000,
            "source": "binance", "exchange": "BINANCE", "trade_id": "1", "sequence": 1, "conditions": None,
        }  # fmt: skip
        assert (ticks[1]["symbol"], ticks[1]["price"], ticks[1]["size"]) == ("ETHUSDT", 2683.8, 0.0022)
        assert server.asked == [("SUBSCRIBE", ["btcusdt@trade", "ethusdt@trade"])]

    run(test)


@pytest.mark.parametrize("ending", ["close", "abort"])
def test_a_dropped_connection_is_opened_again_with_all_subscriptions(ending: str) -> None:
    async def test() -> None:
        async with running(sending([trade(1)], then=ending), sending([trade(2)])) as server:
            feed = await subscribed(server)
            ticks, _ = await take(feed, 2)
        assert [tick["sequence"] for tick in ticks] == [1, 2]
        assert server.asked == [("SUBSCRIBE", ["btcusdt@trade", "ethusdt@trade"])] * 2
        assert feed.counts.connects == 2

    run(test)


def test_a_connection_through_which_nothing_comes_is_given_up() -> None:
    async def test() -> None:
        async with running(silent, sending([trade(1)])) as server:
            feed = await subscribed(server, replace(_QUICK, stale_after=0.2))
            ticks, _ = await take(feed, 1)
        assert len(ticks) == 1
        assert feed.counts.stale == 1

    run(test)


def test_a_server_that_is_not_there_yet_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with running(sending([trade(1)])) as server:
            url = server.url
        feed = WebSocketFeed(BinanceVenue(url), _QUICK)
        await feed.subscribe(["BTCUSDT"])
        taking = asyncio.create_task(take(feed, 1))
        await until(lambda: "connecting again in" in caplog.text)
        await feed.close()
        assert (await taking)[0] == []

    run(test)


def test_malformed_frames_are_kept_beside_the_good_ones() -> None:
    frames = [
        trade(1), b"\xff\x00", b"[1,2]", b"{}", b'{"data":7}', trade(2, p="-1"), trade(3, p="?"), trade(4, T="noon"),
        trade(5, p=None), trade(6, p=[1]), trade(7),
    ]  # fmt: skip

    async def test() -> None:
        async with running(sending(frames)) as server:
            ticks, batches = await take(await subscribed(server), 2)
        assert [tick["sequence"] for tick in ticks] == [1, 7]
        rejects = [reject for batch in batches for reject in batch.rejects]
        assert [reject.payload for reject in rejects] == [frames[i] for i in (1, 2, 4, 5, 6, 7, 8, 9)]
        assert [reject.reason for reject in rejects] == [
            "not JSON",
            "not a JSON object",
            "not a JSON object",
            "price not positive: -1.0",
            "not a trade of binance: could not convert string to float: '?'",
            "event_time not a time: noon",
            "price missing",
            "not a trade of binance: list where a number was expected",
        ]

    run(test)


def test_a_slow_consumer_gets_everything_when_it_is_waited_for() -> None:
    async def test() -> None:
        async with running(sending([trade(number) for number in range(500)])) as server:
            feed = await subscribed(server, replace(_QUICK, queued_ticks=10))
            seen: list[WireTick] = []
            async for batch in feed:
                await asyncio.sleep(0.001)
                assert len(batch.ticks) <= 10
                seen.extend(batch.ticks)
                if len(seen) == 500:
                    await feed.close()
        assert [tick["sequence"] for tick in seen] == list(range(500))
        assert feed.counts.dropped == 0

    run(test)


def test_a_slow_consumer_loses_ticks_and_is_told_how_many_when_dropping_is_chosen() -> None:
    async def test() -> None:
        async with running(sending([trade(number) for number in range(500)])) as server:
            feed = await subscribed(server, replace(_QUICK, queued_ticks=10, overflow=Overflow.DROP))
            stream = feed.__aiter__()
            seen = list((await anext(stream)).ticks)
            await until(lambda: feed.counts.frames == 501)
            await feed.close()
            async for batch in stream:
                seen.extend(batch.ticks)
        assert feed.counts.dropped > 0
        assert len(seen) + feed.counts.dropped == 500

    run(test)


@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS])
def test_a_vendor_that_refuses_us_for_good_is_not_asked_again(status: HTTPStatus) -> None:
    async def test() -> None:
        async with running(sending([]), statuses=[status]) as server:
            feed = await subscribed(server)
            with pytest.raises(FeedError, match=f"binance refuses the connection: HTTP {status.value}"):
                await take(feed, 1)
        assert (server.refused, server.connections) == (1, 0)

    run(test)


def test_a_vendor_that_is_overloaded_is_given_the_time_it_asks_for(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        refusals = [HTTPStatus.TOO_MANY_REQUESTS]
        async with running(sending([trade(1)]), statuses=refusals, retry_after="1") as server:
            ticks, _ = await take(await subscribed(server), 1)
        assert len(ticks) == 1

    run(test)
    assert "HTTP 429 Too Many Requests; connecting again in 1.0 s" in caplog.text


def test_a_refused_subscription_ends_the_feed_behind_what_came_before() -> None:
    async def test() -> None:
        error = b'{"error":{"code":2,"msg":"Invalid request: too many parameters"},"id":0}'
        async with running(sending([trade(1), error])) as server:
            feed = await subscribed(server)
            stream = feed.__aiter__()
            assert [tick["sequence"] for tick in (await anext(stream)).ticks] == [1]
            with pytest.raises(FeedError, match=r"Invalid request: too many parameters \(code 2\)"):
                await anext(stream)

    run(test)


class _Evicting(BinanceVenue):
    async def greet(self, _socket: ClientConnection) -> None:
        raise EvictedError("maximum number of connections for token=hush exceeded")

    @property
    def secrets(self) -> tuple[str, ...]:
        return ("hush",)


def test_an_eviction_is_not_fought_and_no_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with running(sending([])) as server:
            feed = WebSocketFeed(_Evicting(server.url), _QUICK)
            await feed.subscribe(["BTCUSDT"])
            taking = asyncio.create_task(take(feed, 1))
            await until(lambda: feed.counts.evictions == 2)
            await feed.close()
            await taking

    with caplog.at_level(logging.DEBUG):
        run(test)
    assert "token=*** exceeded; another connection has our place; connecting again in 0.1 s" in caplog.text
    assert "hush" not in caplog.text


def test_subscriptions_change_while_it_runs() -> None:
    async def script(server: BinanceServer, socket: ServerConnection, _streams: list[str]) -> None:
        await socket.send(trade(1))
        await server.answer(socket)
        await server.answer(socket)
        await socket.close()

    async def test() -> None:
        async with running(script, sending([trade(2)])) as server:
            feed = await subscribed(server)
            stream = feed.__aiter__()
            await anext(stream)
            await feed.subscribe(["SOLUSDT", "BTCUSDT"])
            await feed.unsubscribe(["ETHUSDT", "XRPUSDT"])
            await anext(stream)
            await feed.close()
            assert [batch async for batch in stream] == []
        assert server.asked[1:] == [
            ("SUBSCRIBE", ["solusdt@trade"]),
            ("UNSUBSCRIBE", ["ethusdt@trade"]),
            ("SUBSCRIBE", ["btcusdt@trade", "solusdt@trade"]),
        ]

    run(test)


def test_a_stop_while_busy_delivers_what_has_arrived() -> None:
    async def test() -> None:
        async with running(sending([trade(number) for number in range(300)])) as server:
            feed = await subscribed(server)
            stream = feed.__aiter__()
            seen = len((await anext(stream)).ticks)
            await until(lambda: feed.counts.frames == 301)
            await feed.close()
            async for batch in stream:
                seen += len(batch.ticks)
        assert seen == 300

    run(test)


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ([], "none was: --symbols BTCUSDT,ETHUSDT"),
        (["BTC/USDT"], "no symbol like 'BTC/USDT'"),
        ([f"COIN{number}" for number in range(1025)], "1024 symbols a connection; 1025 were named"),
    ],
)
def test_symbols_that_binance_cannot_deliver_are_refused(symbols: list[str], message: str) -> None:
    async def test() -> None:
        feed = WebSocketFeed(BinanceVenue("ws://127.0.0.1:1"))
        with pytest.raises(InvalidInputError, match=message):
            await feed.subscribe(symbols)

    run(test)
