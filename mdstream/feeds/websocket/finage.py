"""Finage: trades of US stocks and of crypto pairs."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import orjson
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection

from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds.base import WireTick
from mdstream.feeds.redaction import shown_message
from mdstream.feeds.validation import shown
from mdstream.feeds.websocket.frames import condition_codes, micros, number, refused
from mdstream.feeds.websocket.vendor import Parsed
from mdstream.schemas.limits import Reason

KEY_VARIABLE = "MDSTREAM_FEEDS__FINAGE__SOCKET_KEY"
"""Environment variable that holds the socket key, which is not the key of the REST API."""

_SYMBOL = re.compile(r"[^\s,*]{1,64}")
_REFUSED_FOR_GOOD = (401, 402, 403)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FinageVendor:
    """One of Finage's servers; each customer and market has an address of its own.

    Trades have neither an id nor a sequence: equal ones cannot be told apart, and all are kept.

    Attributes:
        address: Address that Finage assigned, without the key.
        socket_key: Key of the account's sockets.
    """

    address: str
    socket_key: SecretStr

    def __post_init__(self) -> None:
        if not self.address:
            raise InvalidInputError(
                "finage assigns each customer an address: set feeds.finage.address, e.g. wss://xs68rzvrjn.finage.ws:7003"
            )
        if not self.socket_key.get_secret_value():
            raise InvalidInputError(
                f"finage needs a socket key: set {KEY_VARIABLE} in the environment or .env; it is in your account at "
                "moon.finage.co.uk"
            )

    @property
    def name(self) -> str:
        """See `Vendor`."""
        return "finage"

    @property
    def url(self) -> str:
        """See `Vendor`."""
        return f"{self.address.rstrip('/')}/?token={self.secrets[1]}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """See `Vendor`."""
        key = self.socket_key.get_secret_value()
        return key, quote(key, safe="")

    def check(self, symbols: Sequence[str]) -> None:
        """See `Vendor`."""
        if not symbols:
            raise InvalidInputError("finage delivers the symbols it is asked for, and none was: --symbols AAPL,MSFT")
        wrong = next((symbol for symbol in symbols if not _SYMBOL.fullmatch(symbol.upper())), None)
        if wrong is not None:
            raise InvalidInputError(f"finage has no symbol like '{shown(wrong)}'; expected one like AAPL or BTC/USD")

    async def greet(self, socket: ClientConnection) -> None:
        """Do nothing: the key is in the address, and what Finage thinks of it comes among the frames."""

    async def subscribe(self, socket: ClientConnection, symbols: Sequence[str]) -> None:
        """See `Vendor`."""
        await _ask(socket, "subscribe", symbols)

    async def unsubscribe(self, socket: ClientConnection, symbols: Sequence[str]) -> None:
        """See `Vendor`."""
        await _ask(socket, "unsubscribe", symbols)

    def parse(self, frame: bytes) -> Parsed:
        """See `Vendor`.

        Raises:
            FeedError: The key is not valid, or the plan does not include this market.
        """
        try:
            event = orjson.loads(frame)
        except orjson.JSONDecodeError:
            return refused(Reason.NOT_JSON.of(), frame)
        if not isinstance(event, dict):
            return refused(Reason.NOT_AN_OBJECT.of(), frame)
        # Texts of status messages differ from server to server: they are known by what they have and lack.
        if "status_code" in event or "s" not in event:
            self._judge(event)
            return Parsed()
        if "p" not in event:
            return Parsed()
        try:
            return Parsed([_tick(event)])
        except (TypeError, ValueError, OverflowError) as exc:
            return refused(f"not a trade of finage: {shown(exc)}", frame)

    def _judge(self, status: Mapping[str, object]) -> None:
        code, message = status.get("status_code"), shown_message(status.get("message"), self.secrets)
        if code in _REFUSED_FOR_GOOD or message.startswith(tuple(map(str, _REFUSED_FOR_GOOD))):
            raise FeedError(f"finage refuses us: {message}; check {KEY_VARIABLE}, feeds.finage.address and your plan")
        if code not in (None, 200):
            logger.error("finage: %s (%s)", message, shown(code))


async def _ask(socket: ClientConnection, action: str, symbols: Sequence[str]) -> None:
    listed = ",".join(symbol.upper() for symbol in symbols)
    await socket.send(orjson.dumps({"action": action, "symbols": listed}), text=True)


def _tick(event: Mapping[str, object]) -> WireTick:
    traded = event.get("t")
    return {
        "symbol": event.get("s"),
        "price": number(event.get("p")),
        "size": number(event.get("v", event.get("q"))),
        "event_time": micros(int(traded) if isinstance(traded, str) else traded),
        "exchange": "dark pool" if event.get("dp") is True else None,
        "trade_id": None,
        "sequence": None,
        "conditions": condition_codes(event.get("c")),
    }
