"""The feeds that can be named on the command line, and what each of them is to deliver."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from mdstream.cli.symbols import listed
from mdstream.config import FeedSettings, Settings, TickSettings
from mdstream.errors import InvalidInputError
from mdstream.feeds import Feed, ReplayFeed, SyntheticFeed
from mdstream.feeds.alphavantage import AlphaVantageAccount, AlphaVantageFeed
from mdstream.feeds.form import FileForm
from mdstream.feeds.massive import MassiveHistory, MassiveRest
from mdstream.feeds.pacing import parse_speed
from mdstream.feeds.supervision import Overflow, Supervision
from mdstream.feeds.synthetic import symbol_names
from mdstream.feeds.websocket import BinanceVenue, FinageVenue, FmpVenue, MassiveVenue, Venue, WebSocketFeed
from mdstream.feeds.websocket.massive_bars import MinuteAggregates
from mdstream.testing import MarketOptions


class FeedName(StrEnum):
    """The feeds that can be named on the command line."""

    ALPHAVANTAGE = "alphavantage"
    BINANCE = "binance"
    FINAGE = "finage"
    FMP = "fmp"
    MASSIVE = "massive"
    REPLAY = "replay"
    SYNTHETIC = "synthetic"


class Kind(StrEnum):
    """What a vendor is asked for."""

    TRADES = "trades"
    BARS = "bars"


_STALE_AFTER_OF_BARS = 300.0
"""Seconds: a symbol has one bar a minute, and none of a minute without trades."""

_VENUES: dict[FeedName, Callable[[FeedSettings], Venue]] = {
    FeedName.BINANCE: lambda feeds: BinanceVenue(feeds.binance.url),
    FeedName.FINAGE: lambda feeds: FinageVenue(feeds.finage.address, feeds.finage.socket_key),
    FeedName.FMP: lambda feeds: FmpVenue(feeds.fmp.api_key, feeds.fmp.url),
}
"""The feeds that push trades and nothing else."""


class Shift(StrEnum):
    """Where event times can be moved to."""

    NOW = "now"


@dataclass(frozen=True)
class FeedOptions:
    """What the options of the command say; each feed takes what is for it."""

    file: Path | None = None
    speed: str = "1x"
    shift: Shift | None = None
    rate: float = 1000.0
    ticks: int | None = None
    history_minutes: int = 0
    seed: int = 0
    late_share: float = 0.0
    duplicate_share: float = 0.0
    overflow: Overflow = Overflow.WAIT
    kind: Kind = Kind.TRADES
    form: FileForm = field(default_factory=FileForm)


def symbols_of_feeds(symbols: str | None, names: Sequence[FeedName]) -> dict[FeedName, tuple[str, ...]]:
    """Return what `--symbols` says each feed is to deliver: nothing where it says nothing.

    Raises:
        InvalidInputError: A feed is named that does not run, or it is not clear which feed a symbol is for.

    Example:
        >>> symbols_of_feeds("binance=BTCUSDT,ETHUSDT,fmp=AAPL", [FeedName.BINANCE, FeedName.FMP])[FeedName.BINANCE]
        ('BTCUSDT', 'ETHUSDT')
    """
    common: list[str] = []
    own: dict[FeedName, list[str]] = {}
    into = common
    for entry in listed(symbols):
        name, _, rest = entry.partition("=")
        # An equals sign may also be a part of a symbol.
        if rest and name in list(FeedName):
            if name not in names:
                raise InvalidInputError(f"--symbols has some for {name}, which is not among the feeds")
            into = own.setdefault(FeedName(name), [])
            into.append(rest)
        else:
            into.append(entry)
    if common and own:
        raise InvalidInputError(
            f"--symbols does not say which feed {common[0]} is for; expected either one list for all feeds, or "
            "binance=BTCUSDT,massive=AAPL,MSFT"
        )
    return {name: tuple(own.get(name, common)) for name in names}


def open_feeds(
    symbols_of: Mapping[FeedName, Sequence[str]], options: FeedOptions, settings: Settings
) -> list[tuple[Feed, tuple[str, ...]]]:
    """Return the feeds, each with the symbols that it delivers; none for all that it has.

    Raises:
        InvalidInputError: Something that a feed needs is missing, such as its key, or it has no bars.
        ConfigError: Bars are asked for, and no window is of their length.
    """
    if options.kind is Kind.BARS and (without := [name for name in symbols_of if name is not FeedName.MASSIVE]):
        raise InvalidInputError(f"--kind bars is for massive alone, and {without[0]} is among the feeds")
    return [_open_feed(name, tuple(symbols), options, settings) for name, symbols in symbols_of.items()]


def _open_feed(
    name: FeedName, symbols: tuple[str, ...], options: FeedOptions, settings: Settings
) -> tuple[Feed, tuple[str, ...]]:
    skew = timedelta(seconds=settings.ticks.max_future_skew_seconds)
    nonpositive = settings.ticks.nonpositive_prices
    configured = tuple(settings.symbols)
    if name is FeedName.REPLAY:
        return replay_feed(options, settings.ticks), symbols
    if name is FeedName.SYNTHETIC:
        return _synthetic_feed(symbols, options, configured)
    if name is FeedName.ALPHAVANTAGE:
        account = _account(settings.feeds)
        feed = AlphaVantageFeed(account, max_future_skew=skew, nonpositive_prices=nonpositive)
        return feed, symbols or configured
    if name is FeedName.MASSIVE:
        return _massive_feed(options, settings, skew), symbols or configured
    # The configured symbols are stocks, which Binance does not have.
    delivered = symbols or (() if name is FeedName.BINANCE else configured)
    venue, supervision = _VENUES[name](settings.feeds), Supervision(overflow=options.overflow)
    return WebSocketFeed(venue, supervision, skew, nonpositive_prices=nonpositive), delivered


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


def _synthetic_feed(
    symbols: tuple[str, ...], options: FeedOptions, configured: tuple[str, ...]
) -> tuple[SyntheticFeed, tuple[str, ...]]:
    by_number = len(symbols) == 1 and symbols[0].isdecimal()
    names = symbol_names(int(symbols[0]), configured) if by_number else symbols or configured
    market = MarketOptions(
        symbols=names,
        rate=options.rate,
        seed=options.seed,
        late_share=options.late_share,
        duplicate_share=options.duplicate_share,
        history_minutes=options.history_minutes,
    )
    return SyntheticFeed(market, limit=options.ticks), names


def _massive_feed(options: FeedOptions, settings: Settings, skew: timedelta) -> WebSocketFeed:
    massive = settings.feeds.massive
    if options.kind is Kind.BARS:
        venue = MassiveVenue(massive.api_key, massive.url, MinuteAggregates(settings.minute_window))
        return WebSocketFeed(venue, Supervision(stale_after=_STALE_AFTER_OF_BARS, overflow=options.overflow), skew)
    venue = MassiveVenue(massive.api_key, massive.url)
    # Plans with a WebSocket have no limit of calls.
    history = MassiveHistory(MassiveRest(massive.api_key, massive.rest_url)) if massive.fill_gaps else None
    supervision, nonpositive = Supervision(overflow=options.overflow), settings.ticks.nonpositive_prices
    return WebSocketFeed(venue, supervision, skew, history, nonpositive_prices=nonpositive)


def _account(feeds: FeedSettings) -> AlphaVantageAccount:
    configured = feeds.alphavantage
    return AlphaVantageAccount(
        api_key=configured.api_key,
        calls_per_minute=configured.calls_per_minute,
        calls_per_day=configured.calls_per_day,
        entitlement=configured.entitlement,
        poll_seconds=configured.poll_seconds,
        url=configured.url,
    )
