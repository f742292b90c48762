"""Financial Modeling Prep: trades of US stocks, crypto pairs and forex."""

from __future__ import annotations

import asyncio
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
from mdstream.feeds.base import WireTick
from mdstream.feeds.redaction import shown_message
from mdstream.feeds.validation import shown
from mdstream.feeds.websocket.frames import number, refused
from mdstream.feeds.websocket.vendor import EvictedError, Parsed
from mdstream.schemas.conditions import CANCEL
from mdstream.schemas.limits import Reason
from mdstream.schemas.times import read_time
from mdstream.schemas.wire import to_micros

KEY_VARIABLE = "MDSTREAM_FEEDS__FMP__API_KEY"
"""Environment variable that holds the API key."""

_SYMBOL = re.compile(r"[^\s,*]{1,64}")
_REFUSED_FOR_GOOD = (401, 402, 403)
_ELSEWHERE = "another location"
_NOT_ALLOWED = ("unauthorized", "not authorized")
_LEAST_NANOS, _LEAST_MICROS, _LEAST_MILLIS = 10**17, 10**14, 10**11

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FmpVendor:
    """The cluster of stocks of FMP, of crypto pairs or of forex: each has an address of its own.

    Trades have neither an id nor a sequence: equal ones cannot be told apart, and all are kept. A break cancels an
    earlier trade, and is kept as a tick of its own that is marked with the condition `cancel`; which trade is meant
    can only be told by symbol, price and size.

    Attributes:
        api_key: The account's key.
        url: `wss://websockets.financialmodelingprep.com`, or `crypto.` or `forex.` in place of `websockets.`.
        answer_within: Seconds to wait for an answer to the login. Not every server gives one.
    """

    api_key: SecretStr
    url: str = "wss://websockets.financialmodelingprep.com"
    answer_within: float = 3.0

    def __post_init__(self) -> None:
        if not self.api_key.get_secret_value():
            raise InvalidInputError(
                f"fmp needs an API key: set {KEY_VARIABLE} in the environment or .env; keys are at "
                "site.financialmodelingprep.com/developer/docs/dashboard, and WebSockets need a plan that has them"
            )

    @property
    def name(self) -> str:
        """See `Vendor`."""
        return "fmp"

    @property
    def secrets(self) -> tuple[str, ...]:
        """See `Vendor`."""
        return (self.api_key.get_secret_value(),)

    def check(self, symbols: Sequence[str]) -> None:
        """See `Vendor`."""
        if not symbols:
            raise InvalidInputError("fmp delivers the symbols it is asked for, and none was: --symbols AAPL,MSFT")
        wrong = next((symbol for symbol in symbols if not _SYMBOL.fullmatch(symbol)), None)
        if wrong is not None:
            raise InvalidInputError(f"fmp has no symbol like '{shown(wrong)}'; expected one like AAPL or BTCUSD")

    async def greet(self, socket: ClientConnection) -> None:
        """See `Vendor`; no answer to the login counts as a good one."""
        with suppress(ConnectionClosed):
            await _say(socket, "login", {"apiKey": self.api_key.get_secret_value()})
        # FMP may have closed already, behind a message that says why.
        with suppress(TimeoutError):
            async with asyncio.timeout(self.answer_within):
                while not self._is_answer_to_login(await socket.recv(decode=False)):
                    pass

    async def subscribe(self, socket: ClientConnection, symbols: Sequence[str]) -> None:
        """See `Vendor`."""
        await _say(socket, "subscribe", {"ticker": [symbol.lower() for symbol in symbols]})

    async def unsubscribe(self, socket: ClientConnection, symbols: Sequence[str]) -> None:
        """See `Vendor`."""
        await _say(socket, "unsubscribe", {"ticker": [symbol.lower() for symbol in symbols]})

    def parse(self, frame: bytes) -> Parsed:
        """See `Vendor`.

        Raises:
            FeedError: The key is not valid, or the plan does not include this.
            EvictedError: The key logged in from elsewhere.
        """
        try:
            event = orjson.loads(frame)
        except orjson.JSONDecodeError:
            return refused(Reason.NOT_JSON.of(), frame)
        if not isinstance(event, dict):
            return refused(Reason.NOT_AN_OBJECT.of(), frame)
        if "event" in event:
            self._judge(event)
            return Parsed()
        if event.get("type") == "Q":
            return Parsed()
        try:
            return Parsed([_tick(event)])
        except (TypeError, ValueError, OverflowError) as exc:
            return refused(f"not a trade of fmp: {shown(exc)}", frame)

    def _is_answer_to_login(self, frame: bytes) -> bool:
        try:
            event = orjson.loads(frame)
        except orjson.JSONDecodeError:
            return False
        if not isinstance(event, dict) or "event" not in event:
            return False
        self._judge(event)
        return bool(event["event"] == "login")

    def _judge(self, event: Mapping[str, object]) -> None:
        """Raise what an answer means, if anything bad."""
        # Newer servers put status and message one level lower.
        data = event.get("data")
        answer = {**event, **data} if isinstance(data, dict) else event
        status, message = answer.get("status"), shown_message(answer.get("message"), self.secrets)
        words = message.lower()
        if _ELSEWHERE in words:
            raise EvictedError(message)
        if status in _REFUSED_FOR_GOOD or any(phrase in words for phrase in _NOT_ALLOWED):
            raise FeedError(f"fmp refuses us: {message}; check {KEY_VARIABLE} and your plan")
        if status not in (None, 200):
            logger.error("fmp: %s (%s)", message, shown(status))


async def _say(socket: ClientConnection, event: str, data: Mapping[str, object]) -> None:
    await socket.send(orjson.dumps({"event": event, "data": data}), text=True)


def _tick(event: Mapping[str, object]) -> WireTick:
    kind, symbol = event.get("type"), event.get("s")
    if kind not in ("T", "B"):
        raise ValueError(f"type {shown(kind)} where T, Q or B was expected")
    return {
        "symbol": symbol.upper() if isinstance(symbol, str) else symbol,
        "price": number(event.get("lp")),
        "size": number(event.get("ls")),
        "event_time": _micros(event.get("t")),
        "exchange": event.get("e"),
        "trade_id": None,
        "sequence": None,
        "conditions": [CANCEL] if kind == "B" else None,
    }


def _micros(time: object) -> object:
    """Return a time in epoch microseconds: its unit is not documented, and shows in its magnitude.

    Raises:
        ValueError: A text is neither a number nor a time with its offset from UTC.
        OverflowError: No time is that large.
    """
    if isinstance(time, str):
        if not time.isdecimal():
            return _micros_of_text(time)
        time = int(time)
    if isinstance(time, bool) or not isinstance(time, int | float):
        return time
    if time >= _LEAST_NANOS:
        return int(time) // 1000
    if time >= _LEAST_MICROS:
        return int(time)
    return int(time * 1000) if time >= _LEAST_MILLIS else int(time * 1_000_000)


def _micros_of_text(text: str) -> int:
    time = read_time(text)
    if time.tzinfo is None:
        raise ValueError(f"time {shown(text)} without its offset from UTC")
    return to_micros(time)
