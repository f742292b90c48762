"""Massive's past trades, as a live feed asks for them after a reconnect."""

from __future__ import annotations

from collections.abc import AsyncIterator

from mdstream.errors import FeedError
from mdstream.feeds.massive.rest import AccessError, MassiveRest, trades_path
from mdstream.feeds.websocket.massive_trades import parse_records
from mdstream.feeds.websocket.vendor import Parsed

_ROWS = 1_000
"""Trades on a page: taking one apart holds live ticks up for a few milliseconds."""

_NANOS_A_MICRO = 1_000
_NANOS_A_MILLI = 1_000_000


class MassiveHistory:
    """See `mdstream.feeds.websocket.gaps.TradeHistory`.

    Args:
        rest: The API.
    """

    def __init__(self, rest: MassiveRest) -> None:
        self._rest = rest

    async def trades(self, symbol: str, first: int, last: int) -> AsyncIterator[Parsed]:
        """See `TradeHistory`."""
        path: str | None = trades_path(symbol, first * _NANOS_A_MICRO, last * _NANOS_A_MICRO + _NANOS_A_MILLI, _ROWS)
        while path is not None:
            page = await self._rest.page(path)
            yield parse_records(symbol, page.rows)
            path = page.following

    def is_closed_to_us(self, failure: FeedError) -> bool:
        """See `TradeHistory`."""
        return isinstance(failure, AccessError)

    async def close(self) -> None:
        """See `TradeHistory`."""
        await self._rest.close()
