"""Binance spot trades and quotes: public, without a key or an account."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
from websockets.asyncio.client import ClientConnection

from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds.base import WireTick
from mdstream.feeds.validation import shown
from mdstream.feeds.websocket.binance_quotes import is_quote, quote_of_event
from mdstream.feeds.websocket.frames import number, refused
from mdstream.feeds.websocket.vendor import Parsed
from mdstream.schemas.limits import Reason

MOST_STREAMS = 1024
"""Streams that Binance allows on one connection."""

_STREAMS_A_MESSAGE = 200
# Binance disconnects who sends more than five messages a second.
_MESSAGE_PAUSE_SECONDS = 0.25
_SYMBOL = re.compile(r"[^\W_]{3,40}")
_LEAST_MICROSECONDS = 10**14


@dataclass(frozen=True)
class BinanceVendor:
    """Binance's combined stream of `@trade` events, and of `@bookTicker` events where they are wanted.

    Attributes:
        url: The combined stream; Binance.US has one of its own.
        quotes: Whether quotes are asked for, too.
    """

    url: str = "wss://stream.binance.com:9443/stream"
    quotes: bool = False

    @property
    def name(self) -> str:
        """See `Vendor`."""
        return "binance"

    @property
    def secrets(self) -> tuple[str, ...]:
        """There are none."""
        return ()

    def check(self, symbols: Sequence[str]) -> None:
        """See `Vendor`."""
        if not symbols:
            raise InvalidInputError(
                "binance delivers the symbols it is asked for, and none was: --symbols BTCUSDT,ETHUSDT"
            )
        most = MOST_STREAMS // len(self._streams)
        if len(symbols) > most:
            of_what = " with quotes" if self.quotes else ""
            raise InvalidInputError(f"binance takes {most} symbols{of_what} a connection; {len(symbols)} were named")
        wrong = next((symbol for symbol in symbols if not _SYMBOL.fullmatch(symbol.upper())), None)
        if wrong is not None:
            raise InvalidInputError(f"binance has no symbol like '{shown(wrong)}'; expected one like BTCUSDT")

    @property
    def _streams(self) -> tuple[str, ...]:
        return ("trade", "bookTicker") if self.quotes else ("trade",)

    async def greet(self, socket: ClientConnection) -> None:
        """Do nothing: the stream is public."""

    async def subscribe(self, socket: ClientConnection, symbols: Sequence[str]) -> None:
        """See `Vendor`."""
        await self._ask(socket, "SUBSCRIBE", symbols)

    async def unsubscribe(self, socket: ClientConnection, symbols: Sequence[str]) -> None:
        """See `Vendor`."""
        await self._ask(socket, "UNSUBSCRIBE", symbols)

    def parse(self, frame: bytes) -> Parsed:
        """See `Vendor`.

        Raises:
            FeedError: Binance refused a subscription.
        """
        try:
            message = orjson.loads(frame)
        except orjson.JSONDecodeError:
            return refused(Reason.NOT_JSON.of(), frame)
        if not isinstance(message, dict):
            return refused(Reason.NOT_AN_OBJECT.of(), frame)
        if isinstance(error := message.get("error"), dict):
            raise FeedError(
                f"binance refused a subscription: {shown(error.get('msg'))} (code {shown(error.get('code'))})"
            )
        event = message.get("data", message)
        if not isinstance(event, dict):
            return refused(Reason.NOT_AN_OBJECT.of(), frame)
        try:
            if event.get("e") == "trade":
                return Parsed([_tick(event)])
            if self.quotes and is_quote(event):
                return Parsed(quotes=[quote_of_event(event)])
        except (TypeError, ValueError, OverflowError) as exc:
            kind = "trade" if event.get("e") == "trade" else "quote"
            return refused(f"not a {kind} of binance: {shown(exc)}", frame)
        # Answers to subscriptions and kinds of events that were not asked for.
        return Parsed()

    async def _ask(self, socket: ClientConnection, method: str, symbols: Sequence[str]) -> None:
        streams = [f"{symbol.lower()}@{stream}" for symbol in symbols for stream in self._streams]
        for first in range(0, len(streams), _STREAMS_A_MESSAGE):
            if first:
                await asyncio.sleep(_MESSAGE_PAUSE_SECONDS)
            asked = streams[first : first + _STREAMS_A_MESSAGE]
            await socket.send(orjson.dumps({"method": method, "params": asked, "id": first}), text=True)


def _tick(event: Mapping[str, object]) -> WireTick:
    traded = event.get("T")
    if isinstance(traded, int) and traded < _LEAST_MICROSECONDS:
        # Milliseconds, unless the URL asks for microseconds.
        traded *= 1000
    return {
        "symbol": event.get("s"),
        "price": number(event.get("p")),
        "size": number(event.get("q")),
        "event_time": traded,
        "exchange": "BINANCE",
        "trade_id": str(event.get("t")),
        "sequence": event.get("t"),
        "conditions": None,
    }
