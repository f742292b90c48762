"""What every source of market data looks like to the rest of mdstream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from mdstream.feeds.rejects import Reject

WireTick: TypeAlias = dict[str, Any]
"""One usable tick: the fields of TICK as JSON holds them, times in epoch microseconds; a field may be None.

A plain dict, since ticks come by the hundred thousand a second.
"""


WireBar: TypeAlias = dict[str, Any]
"""One usable revision of a bar: the fields of BAR as JSON holds them, times in epoch microseconds."""


WireQuote: TypeAlias = dict[str, Any]
"""One usable quote: the fields of QUOTE as JSON holds them, times in epoch microseconds; a field may be None."""


@dataclass(frozen=True, slots=True)
class FeedBatch:
    """What a feed delivers at once.

    Attributes:
        ticks: Usable ticks, in the order of arrival, with `ingest_time` and `source` set.
        rejects: Input that cannot be used.
        fraction: Share of the input read so far, 0 to 1, if the feed has an end.
        bars: Usable revisions of bars, in the order of arrival, from a feed that was asked for bars.
        quotes: Usable quotes, in the order of arrival, from a feed that was asked for quotes.
    """

    ticks: Sequence[WireTick]
    rejects: Sequence[Reject] = ()
    fraction: float | None = None
    bars: Sequence[WireBar] = ()
    quotes: Sequence[WireQuote] = ()


class Feed(Protocol):
    """A source of market data: an asynchronous iterator of ticks.

    The order of calls is `connect`, `subscribe`, iteration, `close`. Iteration ends when the source ends or after
    `close`, which may be called at any time from the same event loop: what has arrived by then is still delivered.
    A feed stamps `ingest_time` when a tick reaches our process and judges each tick by `mdstream.feeds.validation`.
    """

    @property
    def name(self) -> str:
        """What `source` says in ticks and dead letters."""
        ...

    async def connect(self) -> None:
        """Open the source and authenticate where it asks for that.

        Raises:
            InvalidInputError: What was asked for is not what the source needs.
            FeedError: The source refuses us for good.
        """
        ...

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Deliver these symbols from now on; all that the source has if empty. May be called again."""
        ...

    def __aiter__(self) -> AsyncIterator[FeedBatch]:
        """Deliver what arrives, until the source ends or the feed is closed."""
        ...

    async def close(self) -> None:
        """End the iteration and let go of the source."""
        ...
