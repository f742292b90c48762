"""What a package brings that adds a feed, and the feeds that are installed, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from mdstream.config import Settings
from mdstream.config.extensible import Extension
from mdstream.config.section import Section
from mdstream.errors import InvalidInputError
from mdstream.extensions import FEEDS
from mdstream.feeds.base import Feed
from mdstream.feeds.form import FileForm
from mdstream.feeds.supervision import Overflow

Own = TypeVar("Own", bound=Section)


class Kind(StrEnum):
    """What a vendor is asked for."""

    TRADES = "trades"
    BARS = "bars"
    QUOTES = "quotes"


class Shift(StrEnum):
    """Where event times can be moved to."""

    NOW = "now"


@dataclass(frozen=True)
class FeedOptions:
    """What the options of `mdstream ingest` say; each feed takes what is for it."""

    file: Path | None = None
    speed: str = "1x"
    shift: Shift | None = None
    rate: float = 1000.0
    ticks: int | None = None
    history_minutes: int = 0
    since: datetime | None = None
    seed: int = 0
    late_share: float = 0.0
    duplicate_share: float = 0.0
    overflow: Overflow = Overflow.WAIT
    kind: Kind = Kind.TRADES
    form: FileForm = field(default_factory=FileForm)


@dataclass(frozen=True)
class FeedRequest(Generic[Own]):
    """What a feed is asked for.

    Attributes:
        name: What it goes by, and what `source` says in its ticks.
        symbols: What it is to deliver; empty if nothing was said.
        options: Options of the command line.
        own: Its own section of the settings.
        settings: All settings.
    """

    name: str
    symbols: tuple[str, ...]
    options: FeedOptions
    own: Own
    settings: Settings

    @property
    def symbols_or_configured(self) -> tuple[str, ...]:
        """What it is to deliver, else the configured symbols."""
        return self.symbols or tuple(self.settings.symbols)

    @property
    def max_future_skew(self) -> timedelta:
        """How far ahead of our clock a tick may be."""
        return timedelta(seconds=self.settings.ticks.max_future_skew_seconds)

    @property
    def nonpositive_prices(self) -> bool:
        """Whether prices of zero and below are taken."""
        return self.settings.ticks.nonpositive_prices


OpenedFeed: TypeAlias = tuple[Feed, tuple[str, ...]]
"""A feed, and the symbols that it is to be subscribed to; none for all that it has."""


@dataclass(frozen=True, kw_only=True)
class FeedExtension(Extension, Generic[Own]):
    """A feed that is found by name: what an entry point of the group `mdstream.feeds` gives.

    Attributes:
        settings: Class of its section `feeds.<name>` of the settings.
        open: Makes the feed, without connecting it. It raises InvalidInputError where something that the feed needs
            is missing, such as a key.
        has_bars: Whether it can be asked for bars instead of trades (`--kind bars`).
        has_quotes: Whether it can be asked for quotes instead of trades (`--kind quotes`).
        ends: Whether it comes to an end by itself, as a file does: if it delivers nothing, that is an error.

    Example:
        >>> from mdstream.feeds import SyntheticFeed
        >>> from mdstream.testing import MarketOptions
        >>> def open_quiet_market(request: FeedRequest[Section]) -> OpenedFeed:
        ...     return SyntheticFeed(MarketOptions(("AAPL",), rate=1)), request.symbols_or_configured
        >>> FEED = FeedExtension(open=open_quiet_market)
    """

    open: Callable[[FeedRequest[Own]], OpenedFeed]
    has_bars: bool = False
    has_quotes: bool = False
    ends: bool = False


def feed_extension(name: str) -> FeedExtension[Section]:
    """Return the feed that is installed by this name.

    Raises:
        InvalidInputError: There is none.
        ExtensionError: It cannot be used.
    """
    if name not in FEEDS.installed():
        raise InvalidInputError(FEEDS.unknown(name))
    extension: FeedExtension[Section] = FEEDS.load(name, FeedExtension)
    return extension


def open_feeds(symbols_of: Mapping[str, Sequence[str]], options: FeedOptions, settings: Settings) -> list[OpenedFeed]:
    """Return the feeds of these names, each with the symbols that it delivers.

    Args:
        symbols_of: What each is asked for.
        options: Options of the command line.
        settings: All settings.

    Raises:
        InvalidInputError: A feed is not installed, something that it needs is missing, or it has no bars or quotes.
        ConfigError: Bars are asked for, and no window is of their length.
        ExtensionError: A feed cannot be used.

    Example:
        >>> [(feed, symbols)] = open_feeds({"synthetic": ["AAPL"]}, FeedOptions(), Settings())
        >>> feed.name, symbols
        ('synthetic', ('AAPL',))
    """
    extensions = {name: feed_extension(name) for name in symbols_of}
    if options.kind is Kind.BARS and (without := [name for name, found in extensions.items() if not found.has_bars]):
        raise InvalidInputError(f"--kind bars: the feed {without[0]} has trades alone; expected one with bars, massive")
    if options.kind is Kind.QUOTES and (without := [name for name, of in extensions.items() if not of.has_quotes]):
        raise InvalidInputError(
            f"--kind quotes: expected replay, which reads files of quotes, found {without[0]}; vendors bring them with "
            "their trades: feeds.massive.quotes, feeds.binance.quotes, and so does feeds.synthetic.quotes"
        )
    return [
        extension.open(FeedRequest(name, tuple(symbols_of[name]), options, settings.feeds.section_of(name), settings))
        for name, extension in extensions.items()
    ]
