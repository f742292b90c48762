"""The feeds that come with mdstream, as pyproject.toml registers them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from mdstream.config import TickSettings
from mdstream.config.feeds import (
    AlphaVantageSettings,
    BinanceSettings,
    FinageSettings,
    FmpSettings,
    MassiveSettings,
    SyntheticSettings,
)
from mdstream.config.section import Section
from mdstream.errors import InvalidInputError
from mdstream.feeds.alphavantage import AlphaVantageAccount, AlphaVantageFeed
from mdstream.feeds.extension import FeedExtension, FeedOptions, FeedRequest, Kind, OpenedFeed, Own, Shift
from mdstream.feeds.form import FileForm
from mdstream.feeds.massive import MassiveHistory, MassiveRest
from mdstream.feeds.pacing import parse_speed
from mdstream.feeds.quote_files import QuoteReplayFeed
from mdstream.feeds.replay import ReplayFeed
from mdstream.feeds.supervision import Supervision
from mdstream.feeds.synthetic import SyntheticFeed, symbols_traded
from mdstream.feeds.websocket import BinanceVendor, FinageVendor, FmpVendor, MassiveVendor, Vendor, WebSocketFeed
from mdstream.feeds.websocket.massive_bars import MinuteAggregates
from mdstream.testing import MarketOptions

_STALE_AFTER_OF_BARS = 300.0
"""Seconds: a symbol has one bar a minute, and none of a minute without trades."""


def replay_feed(options: FeedOptions, ticks: TickSettings) -> ReplayFeed:
    """Return the feed of a file.

    Raises:
        InvalidInputError: No file is named, or its speed cannot be read.
    """
    if options.file is None:
        raise InvalidInputError("the feed replay needs a file: --file ticks.parquet")
    return ReplayFeed(
        options.file,
        speed=parse_speed(options.speed),
        shift_to_now=options.shift is Shift.NOW,
        max_future_skew=timedelta(seconds=ticks.max_future_skew_seconds),
        form=options.form,
        nonpositive_prices=ticks.nonpositive_prices,
    )


def _quotes_feed(options: FeedOptions, ticks: TickSettings) -> QuoteReplayFeed:
    if options.file is None:
        raise InvalidInputError("the feed replay needs a file: --file quotes.jsonl")
    form = options.form
    # What is configured of files of ticks was not said of this one.
    unsaid = (FileForm(symbol=form.symbol), FileForm(None, ticks.columns, ticks.unit, form.symbol))
    if options.shift is not None or form not in unsaid:
        raise InvalidInputError(
            "--kind quotes: a file of quotes takes --speed and --symbol, and no other option of files"
        )
    return QuoteReplayFeed(
        options.file,
        speed=parse_speed(options.speed),
        symbol=form.symbol,
        max_future_skew=timedelta(seconds=ticks.max_future_skew_seconds),
        nonpositive_prices=ticks.nonpositive_prices,
    )


def _replay(request: FeedRequest[Section]) -> OpenedFeed:
    if request.options.kind is Kind.QUOTES:
        return _quotes_feed(request.options, request.settings.ticks), request.symbols
    return replay_feed(request.options, request.settings.ticks), request.symbols


def _synthetic(request: FeedRequest[SyntheticSettings]) -> OpenedFeed:
    options = request.options
    names = symbols_traded(request.symbols, request.settings.symbols)
    market = MarketOptions(
        symbols=names,
        rate=options.rate,
        seed=options.seed,
        late_share=options.late_share,
        duplicate_share=options.duplicate_share,
        history_minutes=options.history_minutes,
    )
    return SyntheticFeed(market, limit=options.ticks, since=options.since, quotes=request.own.quotes), names


def _alphavantage(request: FeedRequest[AlphaVantageSettings]) -> OpenedFeed:
    own = request.own
    account = AlphaVantageAccount(
        api_key=own.api_key,
        calls_per_minute=own.calls_per_minute,
        calls_per_day=own.calls_per_day,
        entitlement=own.entitlement,
        poll_seconds=own.poll_seconds,
        url=own.url,
    )
    skew, nonpositive = request.max_future_skew, request.nonpositive_prices
    feed = AlphaVantageFeed(account, max_future_skew=skew, nonpositive_prices=nonpositive)
    return feed, request.symbols_or_configured


def _massive(request: FeedRequest[MassiveSettings]) -> OpenedFeed:
    own, overflow, skew = request.own, request.options.overflow, request.max_future_skew
    if request.options.kind is Kind.BARS:
        vendor = MassiveVendor(own.api_key, own.url, MinuteAggregates(request.settings.minute_window), own.quotes)
        supervision = Supervision(stale_after=_STALE_AFTER_OF_BARS, overflow=overflow)
        return WebSocketFeed(vendor, supervision, skew), request.symbols_or_configured
    vendor = MassiveVendor(own.api_key, own.url, quotes=own.quotes)
    # Plans with a WebSocket have no limit of calls.
    history = MassiveHistory(MassiveRest(own.api_key, own.rest_url)) if own.fill_gaps else None
    supervision, nonpositive = Supervision(overflow=overflow), request.nonpositive_prices
    feed = WebSocketFeed(vendor, supervision, skew, history, nonpositive_prices=nonpositive)
    return feed, request.symbols_or_configured


def _of_trades(vendor: Callable[[Own], Vendor], *, has_stocks: bool = True) -> Callable[[FeedRequest[Own]], OpenedFeed]:
    """Return what opens a feed that pushes trades and nothing else; the configured symbols are stocks."""

    def open_feed(request: FeedRequest[Own]) -> OpenedFeed:
        supervision, nonpositive = Supervision(overflow=request.options.overflow), request.nonpositive_prices
        feed = WebSocketFeed(vendor(request.own), supervision, request.max_future_skew, nonpositive_prices=nonpositive)
        return feed, request.symbols_or_configured if has_stocks else request.symbols

    return open_feed


def _binance(own: BinanceSettings) -> Vendor:
    return BinanceVendor(own.url, own.quotes)


def _finage(own: FinageSettings) -> Vendor:
    return FinageVendor(own.address, own.socket_key)


def _fmp(own: FmpSettings) -> Vendor:
    return FmpVendor(own.api_key, own.url)


ALPHAVANTAGE = FeedExtension(settings=AlphaVantageSettings, open=_alphavantage)
BINANCE = FeedExtension(settings=BinanceSettings, open=_of_trades(_binance, has_stocks=False))
FINAGE = FeedExtension(settings=FinageSettings, open=_of_trades(_finage))
FMP = FeedExtension(settings=FmpSettings, open=_of_trades(_fmp))
MASSIVE = FeedExtension(settings=MassiveSettings, open=_massive, has_bars=True)
REPLAY = FeedExtension(open=_replay, has_quotes=True, ends=True)
SYNTHETIC = FeedExtension(settings=SyntheticSettings, open=_synthetic)
