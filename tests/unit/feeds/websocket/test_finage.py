from __future__ import annotations

import logging

import orjson
import pytest
from hypothesis import example, given
from pydantic import SecretStr

from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds.validation import refusal
from mdstream.feeds.websocket import FinageVendor, WebSocketFeed
from tests.unit.feeds.taking import take
from tests.unit.feeds.websocket.any_frames import any_frames
from tests.unit.feeds.websocket.test_feed import QUICK, run
from tests.unit.feeds.websocket.vendor_server import KEY, FinageServer, running

ADDRESS = "wss://assigned.finage.ws:7003"
VENDOR = FinageVendor(ADDRESS, SecretStr(KEY))


def test_a_real_frame_is_the_tick_it_says() -> None:
    [tick] = VENDOR.parse(b'{"s":"AAPL","p":163.58,"c":[37],"v":50,"dp":true,"t":1646154954689}').ticks
    assert tick == {
        "symbol": "AAPL", "price": 163.58, "size": 50.0, "event_time": 1_646_154_954_689_000, "trade_id": None,
        "exchange": "dark pool", "sequence": None, "conditions": ["37"],
    }  # fmt: skip
    assert refusal(tick | {"ingest_time": 1_646_154_955_000_000}) is None


def test_numbers_may_be_texts() -> None:
    frame = b'{"s":"BTCUSD","p":"43682.66306523","q":"0.04582000","dex":false,"src":"A","t":"1646154954689"}'
    [tick] = VENDOR.parse(frame).ticks
    assert (tick["price"], tick["size"], tick["event_time"]) == (43682.66306523, 0.04582, 1_646_154_954_689_000)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"s":"TSLA","ap":189.3,"bp":189.27,"as":3,"bs":1,"t":1714403004431}',
        b'{"s":"GBP/USD","a":1.33139,"b":1.3313,"dd":"-0.0108","dc":"-0.8082","ppms":false,"t":1714403004431}',
        b'{"message":"Authorizing..."}',
        b'{"status_code":200,"message":"Connected to the U.S Market source."}',
    ],
)
def test_quotes_and_status_messages_are_no_ticks(frame: bytes) -> None:
    parsed = VENDOR.parse(frame)
    assert (parsed.ticks, parsed.rejects) == ((), ())


@pytest.mark.parametrize(
    "message", ["401 - invalid socket key", "401 - please upgrade your package to access this market"]
)
def test_a_refusal_is_known_by_its_code_or_its_text(message: str) -> None:
    for status in ({"status_code": 401, "message": message}, {"message": message}):
        with pytest.raises(FeedError, match=f"finage refuses us: {message}"):
            VENDOR.parse(orjson.dumps(status))


def test_a_wrong_key_ends_the_feed_at_once_and_is_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with running(FinageServer) as server:
            vendor = FinageVendor(server.url.removesuffix("/stream"), SecretStr("wr0ng"))
            feed = WebSocketFeed(vendor, QUICK)
            await feed.subscribe(["AAPL"])
            with pytest.raises(FeedError, match="401 - invalid socket key; check MDSTREAM_FEEDS__FINAGE__SOCKET_KEY"):
                await take(feed, 1)

    with caplog.at_level(logging.DEBUG):
        run(test)
    assert not any("wr0ng" in record.getMessage() for record in caplog.records if record.name != "websockets.server")
    assert "wr0ng" not in repr(FinageVendor(ADDRESS, SecretStr("wr0ng")))


def test_a_key_with_characters_of_an_address_stays_one_key() -> None:
    assert FinageVendor(ADDRESS, SecretStr("a&b#c")).url == f"{ADDRESS}/?token=a%26b%23c"


@pytest.mark.parametrize(
    ("address", "key", "message"),
    [("", KEY, "set feeds.finage.address"), (ADDRESS, "", "set MDSTREAM_FEEDS__FINAGE__SOCKET_KEY")],
)
def test_what_is_missing_is_named(address: str, key: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        FinageVendor(address, SecretStr(key))


@pytest.mark.parametrize(("symbols", "message"), [([], "none was"), (["A,B"], "no symbol like 'A,B'")])
def test_symbols_that_finage_cannot_deliver_are_refused(symbols: list[str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        VENDOR.check(symbols)


@given(any_frames("s", "p", "v", "t", "c"))
@example(b'{"s":"A","p":"1e999","t":"x"}')
@example(b'{"status_code":"401"}')
@example(b'{"message":401}')
def test_any_bytes_are_ticks_or_rejects_or_a_status(frame: bytes) -> None:
    try:
        parsed = VENDOR.parse(frame)
    except FeedError as exc:
        assert "finage refuses us" in str(exc)  # noqa: PT017 - most frames raise nothing
        return
    for tick in parsed.ticks:
        refusal(tick | {"ingest_time": 1_800_000_000_000_000, "source": "finage"})
