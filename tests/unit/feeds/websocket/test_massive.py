from __future__ import annotations

import asyncio
import json
import logging

import orjson
import pytest
from hypothesis import example, given
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection

from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds.validation import refusal
from mdstream.feeds.websocket import EvictedError, MassiveVendor, WebSocketFeed
from mdstream.feeds.websocket.massive_bars import MinuteAggregates
from mdstream.schemas import BarWindow
from tests.real_trades import test_data
from tests.unit.feeds.taking import take
from tests.unit.feeds.websocket.any_frames import any_frames
from tests.unit.feeds.websocket.test_feed import QUICK, run, subscribed, until
from tests.unit.feeds.websocket.vendor_server import KEY, MassiveServer, VendorServer, running, sending

SPECIFICATION = "vendor_fixtures/massive_ws_stocks_schema_and_examples.json"
VENDOR = MassiveVendor(SecretStr(KEY))


def test_the_example_of_the_specification_is_the_tick_it_says() -> None:
    example = json.loads(test_data(SPECIFICATION).read_text())["messages"]["/stocks/T"]["example"]
    [tick] = VENDOR.parse(orjson.dumps([example])).ticks
    assert tick == {
        "symbol": "MSFT", "price": 114.125, "size": 100, "event_time": 1_536_036_818_784_000, "exchange": "4",
        "trade_id": "12345", "sequence": 3_681_328, "conditions": ["0", "12"],
    }  # fmt: skip
    assert refusal(tick | {"ingest_time": 1_536_036_819_000_000}) is None


def test_a_packed_frame_gives_its_trades_and_keeps_what_is_none() -> None:
    good, quote = json.loads(MassiveServer.trade(1)), {"ev": "Q", "sym": "MSFT", "bp": 114.1}
    status = {"ev": "status", "status": "success", "message": "subscribed to: T.AAPL"}
    fraction = json.loads(MassiveServer.trade(2, s=0, ds="0.25", c=None))
    bad = json.loads(MassiveServer.trade(3, ds="many"))
    parsed = VENDOR.parse(orjson.dumps([*good, quote, status, *fraction, *bad]))
    assert [(tick["sequence"], tick["size"], tick["conditions"]) for tick in parsed.ticks] == [
        (1, 100, ["0", "12"]),
        (2, 0.25, None),
    ]
    [reject] = parsed.rejects
    assert reject.reason == "not a trade of massive: could not convert string to float: 'many'"
    assert json.loads(reject.payload) == bad[0]


@pytest.mark.parametrize("aggregates", [None, MinuteAggregates(BarWindow("1min", 60))], ids=["trades", "bars"])
def test_a_wrong_key_ends_the_feed_at_once_and_is_never_shown(
    caplog: pytest.LogCaptureFixture, aggregates: MinuteAggregates | None
) -> None:
    async def test() -> None:
        async with running(MassiveServer) as server:
            feed = WebSocketFeed(MassiveVendor(SecretStr("wr0ng"), server.url, aggregates), QUICK)
            await feed.subscribe(["AAPL"])
            with pytest.raises(FeedError, match="refuses the API key: authentication failed; check MDSTREAM_FEEDS"):
                await take(feed, 1)
        assert server.connections == 1

    with caplog.at_level(logging.DEBUG):
        run(test)
    ours = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert ours
    assert not any("wr0ng" in message for message in ours)
    assert "wr0ng" not in repr(MassiveVendor(SecretStr("wr0ng")))


def test_without_a_key_it_says_where_it_is_set_and_made() -> None:
    with pytest.raises(InvalidInputError, match=r"set MDSTREAM_FEEDS__MASSIVE__API_KEY .* massive.com/dashboard/keys"):
        MassiveVendor(SecretStr(""))


def test_an_eviction_waits_long_and_then_goes_on() -> None:
    async def evict(_server: VendorServer, socket: ServerConnection) -> None:
        await MassiveServer.say(socket, "max_connections", "Maximum number of websocket connections exceeded.")
        await socket.close(1008)

    async def test() -> None:
        async with running(MassiveServer, evict, sending([MassiveServer.trade(1)])) as server:
            feed = await subscribed(server)
            ticks, _ = await take(feed, 1)
        assert len(ticks) == 1
        assert feed.counts.evictions == 1

    run(test)


def test_what_the_plan_does_not_include_is_said_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        frames = [b'[{"ev":"status","status":"error","message":"not authorized"}]', MassiveServer.trade(1)]
        async with running(MassiveServer, sending(frames)) as server:
            ticks, _ = await take(await subscribed(server), 1)
        assert len(ticks) == 1

    run(test)
    assert "massive: not authorized; the plan may not include what was asked for" in caplog.text


def test_no_symbols_are_all_symbols() -> None:
    async def test() -> None:
        async with running(MassiveServer, sending([MassiveServer.trade(1, "ANY")])) as server:
            feed = WebSocketFeed(server.vendor(), QUICK)
            await feed.subscribe([])
            taking = asyncio.create_task(take(feed, 1))
            await until(lambda: bool(server.asked))
            await taking
        assert server.asked == [("subscribe", ["*"])]

    run(test)


def test_a_symbol_that_massive_cannot_have_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no symbol like 'A,B'"):
        VENDOR.check(["A,B"])


@given(any_frames("ev", "sym", "p", "c", "t"))
@example(b'[{"ev":"T"}]')
@example(b'[{"ev":"T","t":1e300,"c":7,"ds":"1e999"}]')
@example(b'[{"ev":"status"}]')
@example(b'[{"ev":"status","status":"max_connections"}]')
def test_any_bytes_are_ticks_or_rejects_or_a_status(frame: bytes) -> None:
    try:
        parsed = VENDOR.parse(frame)
    except (FeedError, EvictedError, TimeoutError):
        assert b"status" in frame
        return
    for tick in parsed.ticks:
        refusal(tick | {"ingest_time": 1_800_000_000_000_000, "source": "massive"})
