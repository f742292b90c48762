"""What a lost connection missed comes from the vendor's REST API: both servers on real sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection

from mdstream.feeds import WireTick
from mdstream.feeds.massive import MassiveHistory, MassiveRest
from mdstream.feeds.supervision import Supervision
from mdstream.feeds.websocket import WebSocketFeed
from tests.http_server import Answer
from tests.unit.feeds.massive.rest_server import (
    KEY,
    NOT_IN_PLAN,
    MassiveRestServer,
    Record,
    error,
)
from tests.unit.feeds.websocket.test_feed import QUICK, run, until
from tests.unit.feeds.websocket.vendor_server import MassiveServer, Script, VendorServer, running, sending

MILLIS = 1_714_998_600_000
AT_ONCE = replace(QUICK, settle=0.0)


def live(number: int, symbol: str = "AAPL", millis: int | None = None) -> bytes:
    """Trade `number`, one a millisecond unless told otherwise."""
    return MassiveServer.trade(number, symbol, t=MILLIS + (number if millis is None else millis), c=None)


def record(number: int, millis: int | None = None, **changes: object) -> Record:
    """The same trade in the REST API."""
    nanos = (MILLIS + (number if millis is None else millis)) * 1_000_000 + 123_456
    return {
        "exchange": 4, "id": str(number), "price": 114.125, "sequence_number": number, "sip_timestamp": nanos,
        "participant_timestamp": nanos, "size": 100, "tape": 3, **changes,
    }  # fmt: skip


@pytest.fixture
def rest() -> Iterator[MassiveRestServer]:
    with MassiveRestServer(page_rows=3).running() as server:
        yield server


def feed_of(
    server: VendorServer, rest: MassiveRestServer, supervision: Supervision = AT_ONCE, tries: int = 1
) -> WebSocketFeed:
    history = MassiveHistory(MassiveRest(SecretStr(KEY), rest.url, tries=tries, waits=QUICK))
    return WebSocketFeed(server.vendor(), supervision, history=history)


def served(*scripts: Script) -> AbstractAsyncContextManager[VendorServer]:
    return running(MassiveServer, *scripts)


async def collect(
    feed: WebSocketFeed, symbols: list[str], enough: Callable[[list[WireTick]], object]
) -> list[WireTick]:
    """Return what comes until it is enough."""
    await feed.subscribe(symbols)
    ticks: list[WireTick] = []

    async def close_when_enough() -> None:
        await until(lambda: bool(enough(ticks)))
        await feed.close()

    closing = asyncio.create_task(close_when_enough())
    async for batch in feed:
        ticks += batch.ticks
    await closing
    return ticks


def numbers(ticks: list[WireTick], symbol: str = "AAPL") -> list[int]:
    return [tick["sequence"] for tick in ticks if tick["symbol"] == symbol]


def test_what_was_missed_comes_once_with_its_own_times(rest: MassiveRestServer) -> None:
    rest.trades["AAPL"] = [record(number) for number in range(13)]
    script = sending(map(live, range(3)), then="abort"), sending([live(10), live(11)])

    async def test() -> None:
        async with served(*script) as server:
            feed = feed_of(server, rest)
            ticks = await collect(feed, ["AAPL"], lambda ticks: feed.counts.gaps_filled and len(ticks) >= 12)
        assert sorted(numbers(ticks)) == list(range(12))
        assert [tick["event_time"] for tick in sorted(ticks, key=lambda tick: int(tick["sequence"]))] == [
            (MILLIS + number) * 1000 for number in range(12)
        ]
        assert {tick["source"] for tick in ticks} == {"massive"}
        assert all(tick["ingest_time"] > tick["event_time"] for tick in ticks)
        assert (feed.counts.gaps_filled, feed.counts.gaps_left, feed.counts.gap_ticks) == (1, 0, 7)
        assert len(rest.calls) == 3

    run(test)


def test_trades_of_the_same_millisecond_are_told_apart_by_their_sequence(rest: MassiveRestServer) -> None:
    rest.trades["AAPL"] = [record(number, millis=number // 4) for number in range(12)]
    script = sending([live(0, millis=0), live(1, millis=0)], then="close"), sending([live(10, millis=2)])

    async def test() -> None:
        async with served(*script) as server:
            feed = feed_of(server, rest)
            ticks = await collect(feed, ["AAPL"], lambda ticks: feed.counts.gaps_filled and len(ticks) >= 11)
        assert sorted(numbers(ticks)) == list(range(11))

    run(test)


def test_a_trade_that_comes_late_is_not_fetched_again(rest: MassiveRestServer) -> None:
    rest.trades["AAPL"] = [record(number) for number in range(11)]
    late = sending([live(10), live(8), live(9)])

    async def test() -> None:
        async with served(sending([live(0)], then="abort"), late) as server:
            feed = feed_of(server, rest, replace(AT_ONCE, settle=0.3))
            ticks = await collect(feed, ["AAPL"], lambda _: feed.counts.gaps_filled)
        assert sorted(numbers(ticks)) == list(range(11))
        assert feed.counts.gap_ticks == 7

    run(test)


def test_live_ticks_do_not_wait_for_the_past(rest: MassiveRestServer) -> None:
    rest.plan.append(Answer(200, held=True))
    script = sending([live(0)], then="abort"), sending([live(number) for number in range(10, 210)])

    async def test() -> None:
        async with served(*script) as server:
            feed = feed_of(server, rest)
            ticks = await collect(feed, ["AAPL"], lambda ticks: rest.calls and len(ticks) == 201)
        assert numbers(ticks) == [0, *range(10, 210)]
        assert feed.counts.gaps_filled == 0

    run(test)


def test_gaps_of_two_losses_and_several_symbols_are_all_filled(rest: MassiveRestServer) -> None:
    rest.trades = {symbol: [record(number) for number in range(30)] for symbol in ("AAPL", "MSFT", "QUIET")}

    async def later(_server: VendorServer, socket: ServerConnection) -> None:
        for number, symbol in ((20, "AAPL"), (21, "MSFT"), (22, "QUIET"), (23, "NEW")):
            await socket.send(live(number, symbol), text=False)
        await socket.wait_closed()

    scripts = sending([live(0), live(1, "MSFT")], then="abort"), sending([live(10)], then="abort"), later

    async def test() -> None:
        async with served(*scripts) as server:
            feed = feed_of(server, rest, replace(AT_ONCE, settle=0.2))
            ticks = await collect(feed, ["AAPL", "MSFT", "QUIET"], lambda _: feed.counts.gaps_filled == 4)
        assert sorted(numbers(ticks)) == list(range(21))
        assert sorted(numbers(ticks, "MSFT")) == list(range(1, 22))
        # It had no trade before: quiet up to the newest of the others, 10.
        assert sorted(numbers(ticks, "QUIET")) == list(range(11, 23))
        # It was not subscribed to when the connection was lost.
        assert numbers(ticks, "NEW") == [23]

    run(test)


def test_a_plan_without_history_is_said_once_and_not_asked_again(
    rest: MassiveRestServer, caplog: pytest.LogCaptureFixture
) -> None:
    rest.plan.append(NOT_IN_PLAN)
    scripts = (
        sending([live(0), live(0, "MSFT")], then="abort"),
        sending([live(10), live(10, "MSFT")], then="abort"),
        sending([live(20), live(20, "MSFT")]),
    )

    async def test() -> None:
        async with served(*scripts) as server:
            feed = feed_of(server, rest)
            ticks = await collect(feed, ["AAPL", "MSFT"], lambda ticks: len(ticks) == 6 and feed.counts.gaps_left)
        assert numbers(ticks) == numbers(ticks, "MSFT") == [0, 10, 20]
        assert len(rest.calls) == 1

    with caplog.at_level(logging.DEBUG):
        run(test)
    assert caplog.text.count("what is missed during a reconnect stays missing: massive's plan does not include") == 1
    assert KEY not in "".join(line for line in caplog.text.splitlines() if "websockets.server" not in line)


def test_a_history_that_fails_leaves_one_gap_and_fills_the_next(
    rest: MassiveRestServer, caplog: pytest.LogCaptureFixture
) -> None:
    rest.trades["AAPL"] = [record(number) for number in range(21)]
    rest.plan.append(error(500, "ERROR", "error", "oops"))

    async def second(_server: VendorServer, socket: ServerConnection) -> None:
        await socket.send(live(10), text=False)
        await until(lambda: len(rest.calls) == 1)
        socket.transport.abort()

    async def test() -> None:
        async with served(sending([live(0)], then="abort"), second, sending([live(20)])) as server:
            feed = feed_of(server, rest)
            ticks = await collect(feed, ["AAPL"], lambda _: feed.counts.gaps_filled)
        assert sorted(numbers(ticks)) == [0, *range(10, 21)]
        assert (feed.counts.gaps_filled, feed.counts.gaps_left) == (1, 1)

    run(test)
    assert (
        "AAPL: trades between 2024-05-06T12:30:00+00:00 and 2024-05-06T12:30:00.010000+00:00 are missing" in caplog.text
    )


def test_what_is_no_trade_in_a_gap_is_kept_with_its_reason(rest: MassiveRestServer) -> None:
    rest.trades["AAPL"] = [
        record(0),
        record(1, price=-1),
        record(2, decimal_size="?"),
        record(3, sequence_number="three"),
        record(4),
    ]

    async def test() -> None:
        async with served(sending([live(0)], then="abort"), sending([live(4)])) as server:
            feed = feed_of(server, rest)
            await feed.subscribe(["AAPL"])
            reasons: list[str] = []
            async for batch in feed:
                reasons += [reject.reason for reject in batch.rejects]
                if len(reasons) == 3:
                    await feed.close()
        assert sorted(reasons) == [
            "not a trade of massive: could not convert string to float: '?'",
            "price not positive: -1",
            "sequence not an integer: three",
        ]

    run(test)


def test_a_long_gap_leaves_half_of_the_room_to_live_ticks(rest: MassiveRestServer) -> None:
    rest.trades["AAPL"] = [record(number) for number in range(101)]

    async def test() -> None:
        async with served(sending([live(0)], then="abort"), sending([live(100)])) as server:
            feed = feed_of(server, rest, replace(AT_ONCE, queued_ticks=10))
            await feed.subscribe(["AAPL"])
            seen: list[WireTick] = []
            async for batch in feed:
                await asyncio.sleep(0.002)
                # A page has three trades, and may come on top of the half.
                assert len(batch.ticks) <= 5 + 3
                seen += batch.ticks
                if len(seen) == 101:
                    await feed.close()
        assert sorted(numbers(seen)) == list(range(101))

    run(test)
