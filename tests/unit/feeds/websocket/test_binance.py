from __future__ import annotations

import gzip

import orjson
import pytest
from hypothesis import example, given
from websockets.asyncio.server import ServerConnection

from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds.validation import refusal
from mdstream.feeds.websocket import BinanceVendor, WebSocketFeed
from tests.real_trades import test_data
from tests.unit.feeds.taking import take
from tests.unit.feeds.websocket.any_frames import any_frames
from tests.unit.feeds.websocket.test_feed import QUICK, run, subscribed
from tests.unit.feeds.websocket.vendor_server import BinanceServer, VendorServer, running, sending

trade = BinanceServer.trade

FRAMES_FILE = "binance_spot_ws_trade_frames_20240808_09.jsonl.gz"


def test_every_recorded_frame_is_the_tick_it_says() -> None:
    vendor = BinanceVendor()
    found: dict[str, list[int]] = {}
    with gzip.open(test_data(FRAMES_FILE)) as lines:
        for line in lines:
            recorded = orjson.loads(line)
            parsed = vendor.parse(orjson.dumps(recorded["frame"]))
            assert not parsed.rejects
            [tick] = parsed.ticks
            event = recorded["frame"]["data"]
            assert (tick["symbol"], tick["price"], tick["size"]) == (event["s"], float(event["p"]), float(event["q"]))
            assert (tick["event_time"], tick["sequence"]) == (event["T"] * 1000, event["t"])
            # The recorder's clock is 1.27 s behind the exchange's, which is normal.
            assert refusal(tick | {"ingest_time": recorded["recv_ns"] // 1000}) is None
            found.setdefault(event["s"], []).append(tick["sequence"])
    assert {symbol: len(ids) for symbol, ids in found.items()} == {"BTCUSDT": 19_904, "ETHUSDT": 14_515}
    assert all(ids == list(range(ids[0], ids[0] + len(ids))) for ids in found.values())


@given(any_frames("e", "p", "q", "T", "t", "s"))
@example(trade(1, p="1e999"))
@example(trade(1, T=True))
@example(trade(1, s=["BTCUSDT"]))
@example(b'{"data":{"e":"trade"}}')
def test_any_bytes_are_ticks_or_rejects_or_nothing(frame: bytes) -> None:
    try:
        parsed = BinanceVendor().parse(frame)
    except FeedError as exc:
        assert "binance refused a subscription" in str(exc)  # noqa: PT017 - most frames raise nothing
        return
    for tick in parsed.ticks:
        refusal(tick | {"ingest_time": 1_800_000_000_000_000, "source": "binance"})
    assert all(reject.payload == frame for reject in parsed.rejects)


@pytest.mark.parametrize("traded", [1_723_161_255_342, 1_723_161_255_342_000])
def test_times_are_milliseconds_or_microseconds(traded: int) -> None:
    [tick] = BinanceVendor().parse(trade(1, T=traded)).ticks
    assert tick["event_time"] == 1_723_161_255_342_000


@pytest.mark.parametrize("frame", [b'{"result":null,"id":0}', trade(1, e="aggTrade")])
def test_what_is_no_trade_is_left_alone(frame: bytes) -> None:
    parsed = BinanceVendor().parse(frame)
    assert (parsed.ticks, parsed.rejects) == ((), ())


def test_a_refused_subscription_ends_the_feed_behind_what_came_before() -> None:
    async def test() -> None:
        error = b'{"error":{"code":2,"msg":"Invalid request: too many parameters"},"id":0}'
        async with running(BinanceServer, sending([trade(1), error])) as server:
            stream = (await subscribed(server)).__aiter__()
            assert [tick["sequence"] for tick in (await anext(stream)).ticks] == [1]
            with pytest.raises(FeedError, match=r"Invalid request: too many parameters \(code 2\)"):
                await anext(stream)

    run(test)


def test_many_symbols_are_asked_for_in_several_messages() -> None:
    async def script(server: VendorServer, socket: ServerConnection) -> None:
        await server.answer(socket)
        await sending([trade(1)])(server, socket)

    async def test() -> None:
        async with running(BinanceServer, script) as server:
            feed = WebSocketFeed(server.vendor(), QUICK)
            await feed.subscribe([f"COIN{number}" for number in range(201)])
            await take(feed, 1)
        assert [len(symbols) for _, symbols in server.asked] == [200, 1]

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
    with pytest.raises(InvalidInputError, match=message):
        BinanceVendor().check(symbols)
