"""Which feeds run, and what each is to deliver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from mdstream.cli.app import app
from mdstream.cli.feeds import symbols_of_feeds
from mdstream.config import Settings, WindowConfiguration
from mdstream.errors import ConfigError, InvalidInputError
from mdstream.feeds.extension import FeedOptions, Kind, open_feeds

BINANCE, FMP, MASSIVE = "binance", "fmp", "massive"
KEY = SecretStr("hunter2")


def test_one_list_is_for_all_feeds() -> None:
    assert symbols_of_feeds("AAPL, MSFT", [MASSIVE, FMP]) == {MASSIVE: ("AAPL", "MSFT"), FMP: ("AAPL", "MSFT")}


def test_each_feed_may_have_a_list_of_its_own() -> None:
    found = symbols_of_feeds("binance=BTCUSDT,ETHUSDT,massive=AAPL", [BINANCE, MASSIVE, FMP])
    assert found == {BINANCE: ("BTCUSDT", "ETHUSDT"), MASSIVE: ("AAPL",), FMP: ()}


def test_an_equals_sign_may_be_a_part_of_a_symbol() -> None:
    assert symbols_of_feeds("EURUSD=X", [FMP]) == {FMP: ("EURUSD=X",)}


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ("massive=AAPL", "--symbols has some for massive, which is not among the feeds"),
        ("AAPL,binance=BTCUSDT", "does not say which feed AAPL is for"),
    ],
)
def test_symbols_for_no_feed_are_refused(symbols: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        symbols_of_feeds(symbols, [BINANCE, FMP])


def test_feeds_deliver_the_configured_symbols_unless_told_otherwise() -> None:
    settings = Settings.model_validate(
        {"symbols": ["AAPL"], "feeds": {name: {"api_key": KEY} for name in ("massive", "fmp", "alphavantage")}}
    )
    names = ["alphavantage", BINANCE, FMP, MASSIVE, "replay", "synthetic"]
    opened = open_feeds(dict.fromkeys(names, ()), FeedOptions(file=Path("ticks.csv")), settings)
    assert {feed.name: symbols for feed, symbols in opened} == {
        "alphavantage": ("AAPL",), "binance": (), "fmp": ("AAPL",), "massive": ("AAPL",), "replay": (),
        "synthetic": ("AAPL",),
    }  # fmt: skip


def test_bars_need_a_window_of_one_minute() -> None:
    hourly = (WindowConfiguration(name="1h", duration=3600),)
    settings = Settings.model_validate({"window_configurations": hourly, "feeds": {"massive": {"api_key": KEY}}})
    with pytest.raises(ConfigError, match="no window of 60 seconds"):
        open_feeds({MASSIVE: ("AAPL",)}, FeedOptions(kind=Kind.BARS), settings)


def test_a_number_is_how_many_symbols_the_made_up_market_has() -> None:
    [(_, symbols)] = open_feeds({"synthetic": ("3",)}, FeedOptions(), Settings(symbols=("AAPL",)))
    assert symbols == ("AAPL", "MSFT", "GOOGL")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--feed", "massive"], "set MDSTREAM_FEEDS__MASSIVE__API_KEY"),
        (["--feed", "fmp"], "set MDSTREAM_FEEDS__FMP__API_KEY"),
        (["--feed", "alphavantage"], "set MDSTREAM_FEEDS__ALPHAVANTAGE__API_KEY"),
        (["--feed", "finage"], "set feeds.finage.address"),
        (["--feed", "binance", "--feed", "fmp", "--symbols", "BTCUSDT"], "set MDSTREAM_FEEDS__FMP__API_KEY"),
        (["--feed", "replay"], "--file ticks.parquet"),
        (["--feed", "massive", "--kind", "bars"], "set MDSTREAM_FEEDS__MASSIVE__API_KEY"),
        (["--feed", "fmp", "--kind", "bars"], "--kind bars: the feed fmp has trades alone"),
        (["--feed", "binanse"], "unknown feed 'binanse'; did you mean 'binance'? installed are: alphavantage, binance"),
        (["--feed", "binance", "--feed", "synthetic", "--symbols", "BTCUSDT"], "BTCUSDT may come from binance and"),
    ],
)
def test_a_run_that_lacks_something_says_what_before_anything_is_opened(arguments: list[str], message: str) -> None:
    result: Any = CliRunner().invoke(app, ["ingest", *arguments])
    assert isinstance(result.exception, InvalidInputError)
    assert message in str(result.exception)
