"""What every live feed promises, for each vendor, over a real socket to a server that misbehaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from http import HTTPStatus

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection

from mdstream.errors import FeedError
from mdstream.feeds import WireTick
from mdstream.feeds.base import WireBar
from mdstream.feeds.supervision import Overflow, Supervision
from mdstream.feeds.websocket import BinanceVendor, EvictedError, WebSocketFeed
from tests.unit.feeds.taking import take, taken
from tests.unit.feeds.websocket.vendor_server import (
    KEY,
    KEYED,
    TRADES,
    VENDORS,
    BinanceServer,
    KeyedServer,
    VendorServer,
    running,
    sending,
    silent,
)

QUICK = Supervision(first_wait=0.01, longest_wait=0.05, evicted_wait=0.05, healthy_after=0.01, open_within=5)
_DEADLINE = 20
Vendor = type[VendorServer]


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.__name__)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    found: Vendor = request.param
    return found


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), _DEADLINE))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


async def subscribed(server: VendorServer, supervision: Supervision = QUICK) -> WebSocketFeed:
    feed = WebSocketFeed(server.vendor(), supervision)
    await feed.connect()
    await feed.subscribe(["BTCUSDT", "ETHUSDT"])
    return feed


@pytest.mark.parametrize("vendor", TRADES)
def test_ticks_arrive_in_order_with_their_source(vendor: Vendor) -> None:
    async def test() -> None:
        async with running(vendor, sending([vendor.trade(1), vendor.trade(2, "ETHUSDT")])) as server:
            feed = await subscribed(server)
            ticks, _ = await take(feed, 2)
        assert [(tick["symbol"], vendor.number_of(tick)) for tick in ticks] == [("BTCUSDT", 1), ("ETHUSDT", 2)]
        assert {tick["source"] for tick in ticks} == {feed.name}
        assert all(tick["ingest_time"] > tick["event_time"] for tick in ticks)
        assert server.asked == [("subscribe", ["BTCUSDT", "ETHUSDT"])]

    run(test)


@pytest.mark.parametrize("ending", ["close", "abort"])
def test_a_dropped_connection_is_opened_again_with_all_subscriptions(vendor: Vendor, ending: str) -> None:
    async def test() -> None:
        async with running(vendor, sending([vendor.trade(1)], then=ending), sending([vendor.trade(2)])) as server:
            feed = await subscribed(server)
            ticks, _ = await take(feed, 2)
        assert [vendor.number_of(tick) for tick in ticks] == [1, 2]
        assert server.asked == [("subscribe", ["BTCUSDT", "ETHUSDT"])] * 2
        assert feed.counts.connects == 2

    run(test)


def test_a_connection_through_which_nothing_comes_is_given_up(vendor: Vendor) -> None:
    async def test() -> None:
        async with running(vendor, silent, sending([vendor.trade(1)])) as server:
            feed = await subscribed(server, replace(QUICK, stale_after=0.2))
            ticks, _ = await take(feed, 1)
        assert len(ticks) == 1
        assert feed.counts.stale == 1

    run(test)


def test_a_server_that_is_not_there_is_waited_for(vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with running(vendor) as server:
            pass
        feed = await subscribed(server)
        taking = asyncio.create_task(take(feed, 1))
        await until(lambda: caplog.text.count("connecting again in") >= 2)
        await feed.close()
        assert (await taking)[0] == []

    run(test)


def test_malformed_frames_are_kept_beside_the_good_ones(vendor: Vendor) -> None:
    bad = [
        b"\xff\x00",
        b"what?",
        b"7",
        vendor.trade(2, "BTCUSDT", **{vendor.size: "?"}),
        vendor.trade(3, "BTCUSDT", **{vendor.price: [1]}),
        vendor.trade(4, "BTCUSDT", **{vendor.price: -1}),
    ]

    async def test() -> None:
        async with running(vendor, sending([vendor.trade(1), *bad, vendor.trade(5)])) as server:
            ticks, batches = await take(await subscribed(server), 2)
        assert [vendor.number_of(tick) for tick in ticks] == [1, 5]
        rejects = [reject for batch in batches for reject in batch.rejects]
        assert len(rejects) == len(bad)
        assert [reject.reason for reject in rejects[:2]] == ["not JSON", "not JSON"]
        assert all(reject.payload for reject in rejects)

    run(test)


def test_a_slow_consumer_gets_everything_when_it_is_waited_for(vendor: Vendor) -> None:
    async def test() -> None:
        async with running(vendor, sending([vendor.trade(number) for number in range(1, 501)])) as server:
            feed = await subscribed(server, replace(QUICK, queued_ticks=10))
            seen: list[WireTick | WireBar] = []
            async for batch in feed:
                await asyncio.sleep(0.001)
                assert len(taken(batch)) <= 10
                seen.extend(taken(batch))
                if len(seen) == 500:
                    await feed.close()
        assert [vendor.number_of(tick) for tick in seen] == list(range(1, 501))
        assert feed.counts.dropped == 0

    run(test)


def test_a_slow_consumer_is_told_how_many_ticks_it_lost_when_dropping_is_chosen(vendor: Vendor) -> None:
    async def test() -> None:
        async with running(vendor, sending([vendor.trade(number) for number in range(1, 501)])) as server:
            feed = await subscribed(server, replace(QUICK, queued_ticks=10, overflow=Overflow.DROP))
            stream = feed.__aiter__()
            seen = taken(await anext(stream))
            await until(lambda: feed.counts.ticks == 500)
            await feed.close()
            async for batch in stream:
                seen.extend(taken(batch))
        assert feed.counts.dropped > 0
        assert len(seen) + feed.counts.dropped == 500

    run(test)


@pytest.mark.parametrize("status", [HTTPStatus.FORBIDDEN, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS])
def test_a_vendor_that_refuses_us_for_good_is_not_asked_again(vendor: Vendor, status: HTTPStatus) -> None:
    async def test() -> None:
        async with running(vendor, statuses=[status]) as server:
            feed = await subscribed(server)
            with pytest.raises(FeedError, match=f"{feed.name} refuses the connection: HTTP {status.value}"):
                await take(feed, 1)
        assert (server.refused, server.connections) == (1, 0)

    run(test)


def test_a_vendor_that_is_overloaded_is_given_the_time_it_asks_for(
    vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        refusals = [HTTPStatus.TOO_MANY_REQUESTS]
        async with running(vendor, sending([vendor.trade(1)]), statuses=refusals, retry_after="1") as server:
            ticks, _ = await take(await subscribed(server), 1)
        assert len(ticks) == 1

    run(test)
    assert "HTTP 429 Too Many Requests; connecting again in 1.0 s" in caplog.text


@pytest.mark.parametrize("vendor", KEYED)
def test_a_key_that_comes_back_in_a_log_or_a_frame_is_blacked_out(
    vendor: type[KeyedServer], caplog: pytest.LogCaptureFixture
) -> None:
    complaints = [vendor.complaint(f"slow down, {KEY}"), vendor.complaint("x" * 75 + KEY)]

    async def test() -> None:
        async with running(vendor, sending([*complaints, f"who is {KEY}?".encode(), vendor.trade(1)])) as server:
            _, batches = await take(await subscribed(server), 1)
        [reject] = [reject for batch in batches for reject in batch.rejects]
        assert reject.payload == b"who is ***?"

    run(test)
    assert ": slow down, ***" in caplog.text
    assert not any(KEY[:5] in record.getMessage() for record in caplog.records if record.name != "websockets.server")


class _Evicting(BinanceVendor):
    async def greet(self, _socket: ClientConnection) -> None:
        raise EvictedError("maximum number of connections for token=hush exceeded")

    @property
    def secrets(self) -> tuple[str, ...]:
        return ("hush",)


def test_an_eviction_is_not_fought_and_no_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with running(BinanceServer) as server:
            feed = WebSocketFeed(_Evicting(server.url), QUICK)
            await feed.subscribe(["BTCUSDT"])
            taking = asyncio.create_task(take(feed, 1))
            await until(lambda: feed.counts.evictions == 2)
            await feed.close()
            await taking

    with caplog.at_level(logging.DEBUG):
        run(test)
    assert "token=*** exceeded; another connection has our place; connecting again in 0.1 s" in caplog.text
    assert "hush" not in caplog.text


def test_subscriptions_change_while_it_runs(vendor: Vendor) -> None:
    async def script(server: VendorServer, socket: ServerConnection) -> None:
        await socket.send(server.trade(1), text=False)
        await server.answer(socket)
        await server.answer(socket)
        await socket.close()

    async def test() -> None:
        async with running(vendor, script, sending([vendor.trade(2)])) as server:
            feed = await subscribed(server)
            stream = feed.__aiter__()
            await anext(stream)
            await feed.subscribe(["SOLUSDT", "BTCUSDT"])
            await feed.unsubscribe(["ETHUSDT", "XRPUSDT"])
            await anext(stream)
            await feed.close()
            assert [batch async for batch in stream] == []
        assert server.asked[1:] == [
            ("subscribe", ["SOLUSDT"]),
            ("unsubscribe", ["ETHUSDT"]),
            ("subscribe", ["BTCUSDT", "SOLUSDT"]),
        ]

    run(test)


def test_a_stop_while_busy_delivers_what_has_arrived(vendor: Vendor) -> None:
    async def test() -> None:
        async with running(vendor, sending([vendor.trade(number) for number in range(1, 301)])) as server:
            feed = await subscribed(server)
            stream = feed.__aiter__()
            seen = len(taken(await anext(stream)))
            await until(lambda: feed.counts.ticks == 300)
            await feed.close()
            async for batch in stream:
                seen += len(taken(batch))
        assert seen == 300

    run(test)
