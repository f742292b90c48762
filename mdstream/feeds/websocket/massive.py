"""Massive, formerly Polygon.io: trades or minute bars, and quotes of US stocks."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import orjson
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds.base import WireBar, WireQuote, WireTick
from mdstream.feeds.redaction import shown_message
from mdstream.feeds.rejects import Reject
from mdstream.feeds.validation import shown
from mdstream.feeds.websocket.frames import refused
from mdstream.feeds.websocket.massive_bars import MinuteAggregates
from mdstream.feeds.websocket.massive_quotes import quote_of_event
from mdstream.feeds.websocket.massive_trades import not_a_trade, tick_of_event
from mdstream.feeds.websocket.vendor import EvictedError, Parsed
from mdstream.schemas.limits import Reason

KEY_VARIABLE = "MDSTREAM_FEEDS__MASSIVE__API_KEY"
"""Environment variable that holds the API key."""

ALL_SYMBOLS = "*"

_SYMBOL = re.compile(r"[^\s,*]{1,64}")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class MassiveVendor:
    """The stocks cluster of Massive, channel `T` or `AM`, and `Q` where quotes are wanted.

    An account has one connection a cluster: a second consumer with the same key evicts the first.

    Attributes:
        api_key: The account's key.
        url: `wss://socket.massive.com/stocks`, or `wss://delayed.massive.com/stocks` for plans with delayed data.
        aggregates: Takes minute aggregates, which are asked for instead of trades; None for trades.
        quotes: Whether quotes are asked for, too.
    """

    api_key: SecretStr
    url: str = "wss://socket.massive.com/stocks"
    aggregates: MinuteAggregates | None = None
    quotes: bool = False

    def __post_init__(self) -> None:
        check_key(self.api_key)

    @property
    def name(self) -> str:
        """See `Vendor`."""
        return "massive"

    @property
    def secrets(self) -> tuple[str, ...]:
        """See `Vendor`."""
        return (self.api_key.get_secret_value(),)

    def check(self, symbols: Sequence[str]) -> None:
        """See `Vendor`; `*` is all symbols, and so are none."""
        wrong = next((symbol for symbol in symbols if symbol != ALL_SYMBOLS and not _SYMBOL.fullmatch(symbol)), None)
        if wrong is not None:
            raise InvalidInputError(
                f"massive has no symbol like '{shown(wrong)}'; expected one like AAPL or BRK.B, or *"
            )

    async def greet(self, socket: ClientConnection) -> None:
        """See `Vendor`."""
        with suppress(ConnectionClosed):
            await socket.send(orjson.dumps({"action": "auth", "params": self.api_key.get_secret_value()}), text=True)
        # Massive may have closed already, behind a message that says why.
        while True:
            for event in _events(await socket.recv(decode=False)):
                if event.get("ev") != "status":
                    continue
                self._judge(event)
                if event.get("status") == "auth_success":
                    return

    async def subscribe(self, socket: ClientConnection, symbols: Sequence[str]) -> None:
        """See `Vendor`."""
        await self._ask(socket, "subscribe", symbols or [ALL_SYMBOLS])

    async def unsubscribe(self, socket: ClientConnection, symbols: Sequence[str]) -> None:
        """See `Vendor`."""
        await self._ask(socket, "unsubscribe", symbols)

    def parse(self, frame: bytes) -> Parsed:
        """See `Vendor`.

        Raises:
            FeedError: The key is not valid.
            EvictedError: Another connection of the account has our place.
        """
        try:
            events = _events(frame)
        except ValueError as exc:
            return refused(str(exc), frame)
        ticks: list[WireTick] = []
        bars: list[WireBar] = []
        quotes: list[WireQuote] = []
        rejects: list[Reject] = []
        for event in events:
            kind = event.get("ev")
            if kind == "T":
                try:
                    ticks.append(tick_of_event(event))
                except (TypeError, ValueError, OverflowError) as exc:
                    rejects.append(not_a_trade(event, exc))
            elif kind == "AM" and self.aggregates is not None:
                try:
                    bars.append(self.aggregates.bar(event))
                except (TypeError, ValueError, OverflowError) as exc:
                    rejects.append(Reject(Reason.NOT_A_RECORD.of("bar", shown(exc)), orjson.dumps(event)))
            elif kind == "Q" and self.quotes:
                quotes.append(quote_of_event(event))
            elif kind == "status":
                self._judge(event)
        return Parsed(ticks, rejects, bars, quotes)

    async def _ask(self, socket: ClientConnection, action: str, symbols: Sequence[str]) -> None:
        kinds = ["T" if self.aggregates is None else "AM", *(["Q"] if self.quotes else [])]
        channels = ",".join(f"{kind}.{symbol}" for symbol in symbols for kind in kinds)
        await socket.send(orjson.dumps({"action": action, "params": channels}), text=True)

    def _judge(self, status: Mapping[str, object]) -> None:
        """Raise what a status message means, if anything bad."""
        kind, message = status.get("status"), shown_message(status.get("message"), self.secrets)
        if kind == "auth_failed":
            raise FeedError(f"massive refuses the API key: {message}; check {KEY_VARIABLE}")
        if kind == "max_connections":
            raise EvictedError(message)
        if kind == "auth_timeout":
            raise TimeoutError(message)
        if kind == "error":
            logger.error("massive: %s; the plan may not include what was asked for", message)


def check_key(api_key: SecretStr) -> None:
    """Refuse a key that Massive cannot have given.

    Raises:
        InvalidInputError: There is none, or it cannot be one.
    """
    key = api_key.get_secret_value()
    if not key:
        raise InvalidInputError(
            f"massive needs an API key: set {KEY_VARIABLE} in the environment or .env; keys are made at "
            "massive.com/dashboard/keys"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise InvalidInputError(f"{KEY_VARIABLE} has characters that no key has; expected letters, digits and _ only")


def _events(frame: bytes) -> list[Mapping[str, object]]:
    try:
        events = orjson.loads(frame)
    except orjson.JSONDecodeError as exc:
        raise ValueError(Reason.NOT_JSON.of()) from exc
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise ValueError("not an array of JSON objects")
    return events
