"""Trades of Acme, JSON over a WebSocket: `{"symbol": "AAPL", "px": 187.2, "qty": 100, "ms": 1723161255342}`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field, SecretStr
from websockets.asyncio.client import ClientConnection

from mdstream.config.section import Section
from mdstream.errors import InvalidInputError
from mdstream.feeds.extension import FeedExtension, FeedRequest, OpenedFeed
from mdstream.feeds.supervision import Supervision
from mdstream.feeds.websocket import Parsed, WebSocketFeed
from mdstream.feeds.websocket.frames import micros, number, refused


class AcmeSettings(Section):
    """The section `feeds.acme`."""

    url: str = Field("wss://stream.acme.example/v1", pattern="^wss?://")
    api_key: SecretStr = SecretStr("")


@dataclass(frozen=True)
class AcmeVendor:
    """What Acme speaks; connections, reconnects and queues are `WebSocketFeed`'s."""

    url: str
    api_key: SecretStr
    name: str = "acme"

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.api_key.get_secret_value(),)

    def check(self, symbols: Sequence[str]) -> None:
        if not symbols:
            raise InvalidInputError("acme delivers the symbols it is asked for, and none was: --symbols AAPL,MSFT")

    async def greet(self, socket: ClientConnection) -> None:
        await socket.send(json.dumps({"key": self.api_key.get_secret_value()}))

    async def subscribe(self, socket: ClientConnection, symbols: Sequence[str]) -> None:
        await socket.send(json.dumps({"subscribe": list(symbols)}))

    async def unsubscribe(self, socket: ClientConnection, symbols: Sequence[str]) -> None:
        await socket.send(json.dumps({"unsubscribe": list(symbols)}))

    def parse(self, frame: bytes) -> Parsed:
        try:
            trade = json.loads(frame)
            tick = {
                "symbol": trade["symbol"],
                "price": number(trade["px"]),
                "size": number(trade["qty"]),
                "event_time": micros(trade["ms"]),
            }
        except (ValueError, TypeError, LookupError) as exc:
            return refused(f"not a trade of acme: {exc!r}", frame)
        return Parsed([tick])


def open_acme(request: FeedRequest[AcmeSettings]) -> OpenedFeed:
    if not request.own.api_key.get_secret_value():
        raise InvalidInputError("acme needs a key: set MDSTREAM_FEEDS__ACME__API_KEY in the environment or in .env")
    vendor = AcmeVendor(request.own.url, request.own.api_key)
    supervision = Supervision(overflow=request.options.overflow)
    return WebSocketFeed(vendor, supervision, request.max_future_skew), request.symbols_or_configured


FEED = FeedExtension(settings=AcmeSettings, open=open_acme)
