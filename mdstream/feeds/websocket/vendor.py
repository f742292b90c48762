"""What a vendor's WebSocket speaks: the part of a feed that differs from vendor to vendor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from websockets.asyncio.client import ClientConnection

from mdstream.errors import MdstreamError
from mdstream.feeds.base import WireBar, WireQuote, WireTick
from mdstream.feeds.rejects import Reject


class EvictedError(MdstreamError):
    """The vendor closed this connection in favour of another one of the same account: fighting for it is futile."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one frame holds.

    Attributes:
        ticks: Fields of TICK without `ingest_time` and `source`, which the feed sets; not judged yet.
        rejects: What is no tick and no message that is known of the vendor.
        bars: Fields of BAR without `last_ingest_time`, which the feed sets; not judged yet.
        quotes: Fields of QUOTE without `ingest_time` and `source`, which the feed sets; not judged yet. One without the
            field `event_time` is of a stream that tells no time: it came into force when it reached us.
    """

    ticks: Sequence[WireTick] = ()
    rejects: Sequence[Reject] = ()
    bars: Sequence[WireBar] = ()
    quotes: Sequence[WireQuote] = ()


class Vendor(Protocol):
    """What one vendor speaks. It holds no connection, and no state of one."""

    @property
    def name(self) -> str:
        """What `source` says in ticks and dead letters."""
        ...

    @property
    def url(self) -> str:
        """Where to connect; may hold a key, and is never shown."""
        ...

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that are blacked out in every log and error."""
        ...

    def check(self, symbols: Sequence[str]) -> None:
        """Refuse symbols that can never be subscribed to.

        Raises:
            InvalidInputError: The vendor knows no such symbols, or does not take that many.
        """
        ...

    async def greet(self, socket: ClientConnection) -> None:
        """Authenticate on a new connection.

        Raises:
            FeedError: The vendor refuses us for good: a wrong key, a plan without this feed.
            EvictedError: Another connection of the account has our place.
        """
        ...

    async def subscribe(self, socket: ClientConnection, symbols: Sequence[str]) -> None:
        """Ask for the trades of `symbols`, or their bars, and their quotes where they are wanted."""
        ...

    async def unsubscribe(self, socket: ClientConnection, symbols: Sequence[str]) -> None:
        """Ask for no more of `symbols`."""
        ...

    def parse(self, frame: bytes) -> Parsed:
        """Take a frame apart; any bytes are taken.

        Raises:
            FeedError: It says that the vendor refuses us for good.
            EvictedError: It says that another connection has our place.
        """
        ...
