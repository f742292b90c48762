"""Quotes of vendors: in the forms that their specifications print, and only where they are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable

import orjson
import pytest
from hypothesis import example, given
from pydantic import SecretStr

from mdstream.config import FeedSettings, Settings
from mdstream.config.feeds import BinanceSettings, MassiveSettings
from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds.base import WireQuote, WireTick
from mdstream.feeds.extension import FeedOptions, open_feeds
from mdstream.feeds.rejects import Reject
from mdstream.feeds.validation import quote_refusal
from mdstream.feeds.websocket import BinanceVendor, EvictedError, MassiveVendor, Vendor, WebSocketFeed
from mdstream.feeds.websocket.vendor import Parsed
from tests.real_trades import test_data
from tests.unit.feeds.websocket.any_frames import any_frames
from tests.unit.feeds.websocket.test_feed import QUICK, run
from tests.unit.feeds.websocket.vendor_server import KEY, BinanceServer, MassiveServer, VendorServer, running, sending

SPECIFICATION = "vendor_fixtures/massive_ws_stocks_schema_and_examples.json"
MASSIVE, BINANCE = MassiveVendor(SecretStr(KEY), quotes=True), BinanceVendor(quotes=True)

# As the documentation of Binance's spot market prints it.
BOOK_TICKER = {
    "u": 400900217, "s": "BNBUSDT", "b": "25.35190000", "B": "31.21000000", "a": "25.36520000", "A": "40.66000000",
}  # fmt: skip


def of_massive(**changes: object) -> bytes:
    event = {"ev": "Q", "sym": "MSFT", "bp": 114.125, "bs": 100, "ap": 114.128, "as": 160, "t": 1536036818784, "q": 5}
    return orjson.dumps([event | changes])


def of_binance(**changes: object) -> bytes:
    return orjson.dumps({"stream": "bnbusdt@bookTicker", "data": BOOK_TICKER | changes})


class MassiveQuotesServer(MassiveServer):
    def vendor(self) -> Vendor:
        return MassiveVendor(SecretStr(KEY), self.url, quotes=True)


class BinanceQuotesServer(BinanceServer):
    def vendor(self) -> Vendor:
        return BinanceVendor(self.url, quotes=True)


def test_the_example_of_massives_specification_is_the_quote_it_says() -> None:
    printed = json.loads(test_data(SPECIFICATION).read_text())["messages"]["/stocks/Q"]["example"]
    [quote] = MASSIVE.parse(orjson.dumps([printed])).quotes
    assert quote == {
        "symbol": "MSFT", "event_time": 1_536_036_818_784_000, "bid": 114.125, "ask": 114.128, "bid_size": 100,
        "ask_size": 160, "exchange": None, "sequence": 50_385_480,
    }  # fmt: skip
    assert quote_refusal(quote | {"ingest_time": 1_536_036_819_000_000, "source": "massive"}) is None


def test_the_example_of_binances_documentation_is_the_quote_it_says() -> None:
    for frame in (of_binance(), orjson.dumps(BOOK_TICKER)):
        [quote] = BINANCE.parse(frame).quotes
        assert quote == {
            "symbol": "BNBUSDT", "bid": 25.3519, "ask": 25.3652, "bid_size": 31.21, "ask_size": 40.66,
            "exchange": "BINANCE", "sequence": 400_900_217,
        }  # fmt: skip
    [with_time] = BINANCE.parse(of_binance(e="bookTicker", T=1_568_014_460_891)).quotes
    assert with_time["event_time"] == 1_568_014_460_891_000


def test_quotes_are_left_alone_unless_they_are_asked_for() -> None:
    assert MassiveVendor(SecretStr(KEY)).parse(of_massive()).quotes == []
    assert BinanceVendor().parse(of_binance()) == Parsed()


def test_what_is_no_quote_is_kept_with_its_reason() -> None:
    [reject] = BINANCE.parse(of_binance(b="cheap")).rejects
    assert reject.reason == "not a quote of binance: could not convert string to float: 'cheap'"
    assert reject.payload == of_binance(b="cheap")


@pytest.mark.parametrize(
    ("server", "trade", "quote", "asked", "times"),
    [
        (
            MassiveQuotesServer,
            MassiveServer.trade(1, "MSFT"),
            of_massive,
            ["MSFT", "Q.MSFT", "AAPL", "Q.AAPL"],
            {1_536_036_818_784_000},
        ),
        (
            BinanceQuotesServer,
            BinanceServer.trade(1, "MSFT"),
            of_binance,
            ["MSFT", "MSFT@BOOKTICKER", "AAPL", "AAPL@BOOKTICKER"],
            None,
        ),
    ],
    ids=["massive", "binance"],
)
def test_one_connection_brings_trades_and_quotes(
    server: type[VendorServer], trade: bytes, quote: Callable[..., bytes], asked: list[str], times: set[int] | None
) -> None:
    wrong = {"bp": -1.0} if server is MassiveQuotesServer else {"b": "-1.0"}

    async def test() -> None:
        async with running(server, sending([trade, quote(), quote(**wrong)])) as listening:
            feed = WebSocketFeed(listening.vendor(), QUICK)
            await feed.subscribe(["MSFT", "AAPL"])
            ticks: list[WireTick] = []
            quotes: list[WireQuote] = []
            rejects: list[Reject] = []
            async for batch in feed:
                ticks += batch.ticks
                quotes += batch.quotes
                rejects += batch.rejects
                if rejects:
                    await feed.close()
        assert listening.asked == [("subscribe", asked)]
        assert (len(ticks), len(quotes)) == (1, 1)
        assert [reject.reason for reject in rejects] == ["bid negative: -1.0"]
        assert quotes[0]["source"] == feed.name
        # A stream that tells no time: the quote is in force from its arrival.
        assert {quotes[0]["event_time"]} == (times or {quotes[0]["ingest_time"]})
        assert feed.counts.ticks == 3

    run(test)


def test_the_settings_ask_for_them() -> None:
    feeds = FeedSettings(
        binance=BinanceSettings(quotes=True), massive=MassiveSettings(api_key=SecretStr(KEY), quotes=True)
    )
    options = FeedOptions()
    names = {"binance": ["BTCUSDT"], "massive": ["AAPL"]}
    for asked, settings in (
        (True, Settings(feeds=feeds)),
        (False, Settings(feeds=FeedSettings(massive=MassiveSettings(api_key=SecretStr(KEY))))),
    ):
        opened = open_feeds(names, options, settings)
        assert [feed._vendor.quotes for feed, _ in opened] == [asked, asked]  # type: ignore[attr-defined]


def test_a_connection_of_binance_has_room_for_half_as_many_symbols() -> None:
    with pytest.raises(InvalidInputError, match="binance takes 512 symbols with quotes a connection; 513 were named"):
        BINANCE.check([f"COIN{number}" for number in range(513)])


@given(any_frames("ev", "sym", "bp", "ap", "bs", "t", "q"))
@example(b'[{"ev":"Q"}]')
@example(b'[{"ev":"Q","sym":["A"],"bp":true,"t":1e300,"q":1.5}]')
@example(of_massive(bp=2**63))
def test_any_bytes_from_massive_are_quotes_or_rejects_or_a_status(frame: bytes) -> None:
    try:
        parsed = MASSIVE.parse(frame)
    except (FeedError, EvictedError, TimeoutError):
        assert b"status" in frame
        return
    for quote in parsed.quotes:
        quote_refusal(quote | {"ingest_time": 1_800_000_000_000_000, "source": "massive"})


@given(any_frames("e", "s", "b", "B", "a", "A", "u", "T"))
@example(of_binance(a="1e999"))
@example(of_binance(s=["BNBUSDT"], u="x"))
@example(of_binance(T=True, A=None))
@example(b'{"data":{"e":"bookTicker"}}')
def test_any_bytes_from_binance_are_quotes_or_rejects_or_nothing(frame: bytes) -> None:
    try:
        parsed = BINANCE.parse(frame)
    except FeedError as exc:
        assert "binance refused a subscription" in str(exc)  # noqa: PT017 - most frames raise nothing
        return
    for quote in parsed.quotes:
        quote_refusal({"event_time": 1} | quote | {"ingest_time": 1_800_000_000_000_000, "source": "binance"})
    assert all(reject.payload == frame for reject in parsed.rejects)
