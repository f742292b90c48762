from __future__ import annotations

import logging

import orjson
import pytest
from hypothesis import example, given
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection

from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds.validation import refusal
from mdstream.feeds.websocket import EvictedError, FmpVendor, WebSocketFeed
from tests.unit.feeds.taking import take
from tests.unit.feeds.websocket.any_frames import any_frames
from tests.unit.feeds.websocket.test_feed import QUICK, run, subscribed
from tests.unit.feeds.websocket.vendor_server import KEY, FmpServer, VendorServer, running, sending

VENDOR = FmpVendor(SecretStr(KEY))
DOCUMENTED = (
    b'{"s":"aapl","t":1662397411395419600,"type":"T","ap":null,"as":null,"bp":null,"bs":null,"lp":149.12,"ls":100}'
)


def test_a_documented_trade_is_the_tick_it_says() -> None:
    [tick] = VENDOR.parse(DOCUMENTED).ticks
    assert tick == {
        "symbol": "AAPL", "price": 149.12, "size": 100.0, "event_time": 1_662_397_411_395_419, "exchange": None,
        "trade_id": None, "sequence": None, "conditions": None,
    }  # fmt: skip
    assert refusal(tick | {"ingest_time": 1_662_397_412_000_000}) is None


@pytest.mark.parametrize(
    ("time", "micros"),
    [
        (1_662_397_411_395_419_600, 1_662_397_411_395_419),
        (1_662_397_411_395_419, 1_662_397_411_395_419),
        (1_662_397_411_395, 1_662_397_411_395_000),
        (1_662_397_411, 1_662_397_411_000_000),
        (1_662_397_411.5, 1_662_397_411_500_000),
        ("1662397411395419600", 1_662_397_411_395_419),
        ("2022-09-05T17:03:31.395419Z", 1_662_397_411_395_419),
        ("2022-09-05T13:03:31.395419-04:00", 1_662_397_411_395_419),
    ],
)
def test_the_unit_of_a_time_is_known_by_its_magnitude(time: object, micros: int) -> None:
    [tick] = VENDOR.parse(FmpServer.trade(1, t=time)).ticks
    assert tick["event_time"] == micros


def test_a_break_is_kept_and_marked() -> None:
    [tick] = VENDOR.parse(FmpServer.trade(100, type="B")).ticks
    assert (tick["price"], tick["size"], tick["conditions"]) == (149.12, 100.0, ["cancel"])


@pytest.mark.parametrize(
    "frame", [FmpServer.trade(1, type="Q", lp=None, bp=149.1), b'{"event":"heartbeat","timestamp":1747473420002}']
)
def test_quotes_and_heartbeats_are_no_ticks(frame: bytes) -> None:
    parsed = VENDOR.parse(frame)
    assert (parsed.ticks, parsed.rejects) == ((), ())


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (FmpServer.trade(1, type="X"), "type X where T, Q or B was expected"),
        (FmpServer.trade(1, t="2022-09-05T17:03:31"), "time 2022-09-05T17:03:31 without its offset from UTC"),
        # What the newer servers send: a day's volume and no trade.
        (b'{"symbol":"AAPL","price":211.25,"volume":49200000,"timestamp":1747473420}', "type None where T"),
    ],
)
def test_what_is_no_trade_is_refused_with_its_reason(frame: bytes, reason: str) -> None:
    [reject] = VENDOR.parse(frame).rejects
    assert reason in reject.reason


@pytest.mark.parametrize(
    "answer",
    [
        {"event": "login", "status": 401, "message": "Unauthorized"},
        {"event": "login", "data": {"status": 401, "message": "Unauthorized"}},
        {"event": "login", "message": "Unauthorized"},
        {"event": "subscribe", "message": "You are not authorized to access this data"},
    ],
)
def test_a_refusal_is_known_in_every_form_it_has(answer: dict[str, object]) -> None:
    with pytest.raises(FeedError, match=r"fmp refuses us: .* check MDSTREAM_FEEDS__FMP__API_KEY and your plan"):
        VENDOR.parse(orjson.dumps(answer))


def test_a_login_elsewhere_is_an_eviction_and_no_refusal() -> None:
    with pytest.raises(EvictedError, match="Connected from another location"):
        VENDOR.parse(b'{"event":"login","status":401,"message":"Connected from another location"}')


def test_an_eviction_waits_long_and_then_goes_on() -> None:
    async def evict(_server: VendorServer, socket: ServerConnection) -> None:
        await FmpServer.say(socket, "login", 401, "Connected from another location")
        await socket.close()

    async def test() -> None:
        async with running(FmpServer, evict, sending([FmpServer.trade(1)])) as server:
            feed = await subscribed(server)
            ticks, _ = await take(feed, 1)
        assert len(ticks) == 1
        assert feed.counts.evictions == 1

    run(test)


class _EchoingServer(FmpServer):
    """Sends our key back to us, as vendors do."""

    async def greet(self, socket: ServerConnection) -> None:
        key = orjson.loads(await socket.recv())["data"]["apiKey"]
        await self.say(socket, "login", 401, f"Unauthorized: {key}")
        await socket.close()


def test_a_wrong_key_ends_the_feed_at_once_and_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with running(_EchoingServer) as server:
            feed = WebSocketFeed(FmpVendor(SecretStr("wr0ng"), server.url), QUICK)
            await feed.subscribe(["AAPL"])
            with pytest.raises(FeedError, match=r"Unauthorized: \*\*\*; check MDSTREAM_FEEDS__FMP__API_KEY") as raised:
                await take(feed, 1)
            assert raised.value.__cause__ is None
        assert server.connections == 1

    with caplog.at_level(logging.DEBUG):
        run(test)
    assert not any("wr0ng" in record.getMessage() for record in caplog.records if record.name != "websockets.server")
    assert "wr0ng" not in repr(FmpVendor(SecretStr("wr0ng")))


class _SilentServer(FmpServer):
    """Answers no login, as some of FMP's servers do."""

    async def greet(self, socket: ServerConnection) -> None:
        await socket.recv()


def test_a_login_that_is_not_answered_is_taken_for_a_good_one() -> None:
    async def test() -> None:
        async with running(_SilentServer, sending([FmpServer.trade(1)])) as server:
            feed = WebSocketFeed(FmpVendor(SecretStr(KEY), server.url, answer_within=0.05), QUICK)
            await feed.subscribe(["AAPL"])
            ticks, _ = await take(feed, 1)
        assert len(ticks) == 1

    run(test)


def test_without_a_key_it_says_where_it_is_set_and_made() -> None:
    with pytest.raises(InvalidInputError, match=r"set MDSTREAM_FEEDS__FMP__API_KEY .* site.financialmodelingprep.com"):
        FmpVendor(SecretStr(""))


@pytest.mark.parametrize(("symbols", "message"), [([], "none was"), (["A,B"], "no symbol like 'A,B'")])
def test_symbols_that_fmp_cannot_deliver_are_refused(symbols: list[str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        VENDOR.check(symbols)


@given(any_frames("event", "data", "status", "message", "s", "t", "type", "lp", "ls"))
@example(b'{"type":"T","t":1e300,"lp":"1e999"}')
@example(b'{"type":"T","t":"9999999999999999999999999"}')
@example(b'{"type":"B","t":true,"s":7}')
@example(b'{"event":"login","status":[401],"message":7}')
@example(b'{"event":[],"data":{"status":"401"}}')
def test_any_bytes_are_ticks_or_rejects_or_an_answer(frame: bytes) -> None:
    try:
        parsed = VENDOR.parse(frame)
    except (FeedError, EvictedError):
        assert b"event" in frame
        return
    for tick in parsed.ticks:
        refusal(tick | {"ingest_time": 1_800_000_000_000_000, "source": "fmp"})
