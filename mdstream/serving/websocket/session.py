"""The conversation with one client."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from mdstream.config.serving import WebSocketSettings
from mdstream.serving.access import AccessList
from mdstream.serving.rate_limit import RateLimiter
from mdstream.serving.websocket.channels import DEFAULT_CHANNELS
from mdstream.serving.websocket.client import EVERY_SYMBOL, Client
from mdstream.serving.websocket.counters import Counters, Refusal
from mdstream.serving.websocket.hub import Hub, Selection
from mdstream.serving.websocket.messages import (
    Auth,
    Ping,
    RefusedMessageError,
    Subscribe,
    Unsubscribe,
    encode,
    encode_error,
    known_windows,
    parse_message,
)

_MOST_PATTERNS = 100

logger = logging.getLogger(__name__)

_TOO_MANY = "too_many_subscriptions"


class _TooManyMessagesError(Exception):
    pass


class Session:
    """Talks with one client until its connection ends.

    Args:
        connection: Its connection.
        name: Whose key it showed at the handshake; None if it is still to show one.
        hub: Brings it what it subscribes to.
        access: Knows the keys.
        settings: Its limits.
        counters: What is counted.
    """

    def __init__(
        self,
        connection: ServerConnection,
        name: str | None,
        hub: Hub,
        access: AccessList,
        settings: WebSocketSettings,
        counters: Counters,
    ) -> None:
        self._connection = connection
        self._name = name
        self._hub = hub
        self._access = access
        self._settings = settings
        self._counters = counters
        self._rate = RateLimiter(settings.messages_per_second, settings.message_burst)

    async def run(self, greeting: Callable[[], str | None]) -> None:
        """Talk until the connection ends.

        Args:
            greeting: What to say first to a client that was let in.
        """
        try:
            if self._name is None and not await self._is_let_in():
                return
            await self._serve(greeting)
        except ConnectionClosed as exc:
            if exc.sent is not None and exc.sent.code == CloseCode.MESSAGE_TOO_BIG:
                self._counters.refuse(Refusal.OVERSIZE)

    async def _is_let_in(self) -> bool:
        """Wait for the key, and say goodbye if none comes or it is nobody's."""
        try:
            async with asyncio.timeout(self._settings.auth_seconds):
                message = parse_message(await self._connection.recv())
        except TimeoutError:
            reason = f"no key came within {self._settings.auth_seconds} s"
        except RefusedMessageError as exc:
            reason = str(exc)
        else:
            if isinstance(message, Auth):
                self._name = self._access.name_of(message.key)
                reason = "this key is nobody's"
            else:
                reason = f"a key is needed before '{message.type}'"
        if self._name is None:
            self._counters.refuse(Refusal.KEY)
            hint = 'send {"type":"auth","key":"..."} first, or the header Authorization: Bearer KEY'
            await self._connection.send(encode_error("unauthorized", f"{reason}; {hint}"))
            await self._connection.close(CloseCode.POLICY_VIOLATION, "unauthorized")
            return False
        await self._connection.send(encode("authenticated", name=self._name))
        return True

    async def _serve(self, greeting: Callable[[], str | None]) -> None:
        client = Client(self._connection, str(self._name))
        self._hub.add(client)
        try:
            if (first := greeting()) is not None:
                await self._connection.send(first)
            while True:
                await self._answer(client, await self._connection.recv())
        except _TooManyMessagesError:
            self._counters.refuse(Refusal.MESSAGE_RATE)
            limit = f"more than {self._settings.messages_per_second:g} messages a second"
            await self._connection.send(encode_error("too_many_messages", limit))
            await self._connection.close(CloseCode.POLICY_VIOLATION, "too many messages")
        finally:
            self._hub.remove(client)

    async def _answer(self, client: Client, text: str | bytes) -> None:
        if self._rate.wait("", time.monotonic()) > 0:
            raise _TooManyMessagesError
        try:
            message = parse_message(text)
            match message:
                case Subscribe():
                    await self._subscribe(client, message)
                case Unsubscribe():
                    await self._unsubscribe(client, message)
                case Ping():
                    await self._connection.send(encode("pong"))
                case Auth():
                    await self._connection.send(encode("authenticated", name=client.name))
        except RefusedMessageError as exc:
            self._counters.refuse(Refusal.SUBSCRIPTIONS if exc.code == _TOO_MANY else Refusal.MESSAGE)
            await self._connection.send(encode_error(exc.code, str(exc)))

    async def _subscribe(self, client: Client, message: Subscribe) -> None:
        wanted = Selection(
            list(dict.fromkeys(message.symbols)),
            list(dict.fromkeys(message.channels or DEFAULT_CHANNELS)),
            known_windows(message.windows, self._hub.windows),
        )
        count = len(client.symbols | wanted.symbols)
        if count > self._settings.max_subscriptions:
            raise RefusedMessageError(
                _TOO_MANY, f"this would be {count} symbols; at most {self._settings.max_subscriptions} are allowed"
            )
        patterns = sum(symbol.endswith(EVERY_SYMBOL) for symbol in client.symbols | wanted.symbols)
        if patterns > _MOST_PATTERNS:
            raise RefusedMessageError(
                _TOO_MANY, f"this would be {patterns} symbols with '*'; at most {_MOST_PATTERNS} are allowed"
            )
        if not self._hub.has_room_for(count - len(client.symbols)):
            raise RefusedMessageError(
                _TOO_MANY, "the server has no room for more symbols; ask for fewer, or for '*', or try again later"
            )
        is_resumed = message.since is not None and message.server in {None, self._hub.name}
        unknown = [
            symbol for symbol in wanted.symbols if not symbol.endswith(EVERY_SYMBOL) and symbol not in self._hub.symbols
        ]
        await self._connection.send(
            encode(
                "subscribed",
                symbols=wanted.symbols,
                channels=wanted.channels,
                windows=wanted.windows,
                unknown=unknown,
                server=self._hub.name,
            )
        )
        if not is_resumed:
            self._hub.subscribe(client, wanted)
            return
        missed = self._hub.subscribe(client, wanted, message.since_of)
        await self._connection.send(encode("resumed", replaced=missed))

    async def _unsubscribe(self, client: Client, message: Unsubscribe) -> None:
        unwanted = Selection(
            list(dict.fromkeys(message.symbols)),
            list(dict.fromkeys(message.channels or self._hub.channels)),
            known_windows(message.windows, self._hub.windows),
        )
        self._hub.unsubscribe(client, unwanted)
        left = sorted(client.symbols)
        await self._connection.send(encode("unsubscribed", symbols=unwanted.symbols, left=left))
