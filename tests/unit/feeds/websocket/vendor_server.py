"""Servers that speak a vendor's protocol, and misbehave on demand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from mdstream.feeds import WireTick
from mdstream.feeds.base import WireBar
from mdstream.feeds.websocket import BinanceVendor, FinageVendor, FmpVendor, MassiveVendor, Vendor
from mdstream.feeds.websocket.massive_bars import MinuteAggregates
from mdstream.schemas import BarWindow

KEY = "k3y-of-the-account"

Script = Callable[["VendorServer", ServerConnection], Awaitable[None]]
"""What a connection sees once it has subscribed."""


@dataclass
class VendorServer(ABC):
    """Lets in and answers as the vendor does; the n-th connection gets the n-th script, the last one ever after.

    Attributes:
        scripts: What happens behind the first subscription.
        statuses: HTTP statuses that refuse the first connections.
        retry_after: Header of those.
        url: Where it listens.
        connections: How many were let in over HTTP.
        asked: Action and symbols of each request.
    """

    size: ClassVar[str]
    """The vendor's field for the size of a trade."""

    price: ClassVar[str] = "p"
    """The vendor's field for its price."""

    scripts: list[Script]
    statuses: list[HTTPStatus] = field(default_factory=list)
    retry_after: str | None = None
    url: str = ""
    connections: int = 0
    refused: int = 0
    asked: list[tuple[str, list[str]]] = field(default_factory=list)

    @abstractmethod
    def vendor(self) -> Vendor: ...

    @staticmethod
    @abstractmethod
    def trade(number: int, symbol: str = "BTCUSDT", **changes: object) -> bytes:
        """Return a frame of one trade, or bar; `changes` are to the vendor's own fields."""

    @staticmethod
    def number_of(tick: WireTick | WireBar) -> int:
        """Return the number that `trade` was given."""
        return int(tick["sequence"])

    @abstractmethod
    async def answer(self, socket: ServerConnection) -> None:
        """Answer one subscription."""

    @abstractmethod
    async def greet(self, socket: ServerConnection) -> None:
        """Let a client in."""

    def refuse(self, connection: ServerConnection, _request: Request) -> Response | None:
        if not self.statuses:
            return None
        self.refused += 1
        response = connection.respond(self.statuses.pop(0), "no\n")
        if self.retry_after is not None:
            response.headers["Retry-After"] = self.retry_after
        return response

    async def handle(self, socket: ServerConnection) -> None:
        number, self.connections = self.connections, self.connections + 1
        await self.greet(socket)
        await self.answer(socket)
        await self.scripts[min(number, len(self.scripts) - 1)](self, socket)


class KeyedServer(VendorServer):
    """Lets in only those with the key."""

    @staticmethod
    @abstractmethod
    def complaint(text: str) -> bytes:
        """Return a frame that says this and refuses nothing."""


class BinanceServer(VendorServer):
    size = "q"

    def vendor(self) -> Vendor:
        return BinanceVendor(self.url)

    @staticmethod
    def trade(number: int, symbol: str = "BTCUSDT", **changes: object) -> bytes:
        """Return a frame as it was recorded in August 2024, with another id."""
        event = {
            "e": "trade", "E": 1723161255343, "s": symbol, "t": number, "p": "61837.63000000", "q": "0.02000000",
            "T": 1723161255342, "m": True, "M": True,
        }  # fmt: skip
        return orjson.dumps({"stream": f"{symbol.lower()}@trade", "data": event | changes})

    async def greet(self, socket: ServerConnection) -> None:
        """Everybody is welcome."""

    async def answer(self, socket: ServerConnection) -> None:
        request = orjson.loads(await socket.recv())
        symbols = [stream.removesuffix("@trade").upper() for stream in request["params"]]
        self.asked.append((request["method"].lower(), symbols))
        await socket.send(orjson.dumps({"result": None, "id": request["id"]}), text=True)


class MassiveServer(KeyedServer):
    size = "ds"
    channel = "T"

    def vendor(self) -> Vendor:
        return MassiveVendor(SecretStr(KEY), self.url)

    @staticmethod
    def trade(number: int, symbol: str = "BTCUSDT", **changes: object) -> bytes:
        """Return a frame like the example of Massive's own specification, with another sequence."""
        event = {
            "ev": "T", "sym": symbol, "x": 4, "i": str(number), "z": 3, "p": 114.125, "s": 100, "c": [0, 12],
            "t": 1536036818784, "q": number,
        }  # fmt: skip
        return orjson.dumps([event | changes])

    @staticmethod
    def complaint(text: str) -> bytes:
        return orjson.dumps([{"ev": "status", "status": "error", "message": text}])

    async def greet(self, socket: ServerConnection) -> None:
        await self.say(socket, "connected", "Connected Successfully")
        request = orjson.loads(await socket.recv())
        if request == {"action": "auth", "params": KEY}:
            await self.say(socket, "auth_success", "authenticated")
            return
        await self.say(socket, "auth_failed", "authentication failed")
        await socket.close(1008)

    async def answer(self, socket: ServerConnection) -> None:
        request = orjson.loads(await socket.recv())
        channels = request["params"].split(",")
        self.asked.append((request["action"], [channel.removeprefix(f"{self.channel}.") for channel in channels]))
        for channel in channels:
            await self.say(socket, "success", f"{request['action']}d to: {channel}")

    @staticmethod
    async def say(socket: ServerConnection, status: str, message: str) -> None:
        await socket.send(orjson.dumps([{"ev": "status", "status": status, "message": message}]), text=True)


class MassiveBarsServer(MassiveServer):
    size = "v"
    price = "o"
    channel = "AM"

    def vendor(self) -> Vendor:
        return MassiveVendor(SecretStr(KEY), self.url, MinuteAggregates(BarWindow("1min", 60)))

    @staticmethod
    def trade(number: int, symbol: str = "BTCUSDT", **changes: object) -> bytes:
        """Return a frame like the example of Massive's own specification, with another volume."""
        event = {
            "ev": "AM", "sym": symbol, "v": number, "av": 9470157, "op": 0.4372, "vw": 0.4488, "o": 0.4488, "c": 0.4486,
            "h": 0.4489, "l": 0.4486, "a": 0.4352, "z": 685, "s": 1610144640000, "e": 1610144700000,
        }  # fmt: skip
        return orjson.dumps([event | changes])

    @staticmethod
    def number_of(tick: WireTick | WireBar) -> int:
        return int(tick["volume"])


class FinageServer(KeyedServer):
    size = "v"

    def vendor(self) -> Vendor:
        return FinageVendor(self.url.removesuffix("/stream"), SecretStr(KEY))

    @staticmethod
    def trade(number: int, symbol: str = "BTCUSDT", **changes: object) -> bytes:
        """Return a frame like a real one of 2022; without id or sequence, its size is its number."""
        event = {"s": symbol, "p": 163.58, "c": [37], "v": number, "dp": False, "t": 1646154954689}
        return orjson.dumps(event | changes)

    @staticmethod
    def number_of(tick: WireTick | WireBar) -> int:
        return int(tick["size"])

    @staticmethod
    def complaint(text: str) -> bytes:
        return orjson.dumps({"status_code": 400, "message": text})

    async def greet(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        if socket.request.path == f"/?token={KEY}":
            for message in ("authorizing", "connected to the adapter"):
                await socket.send(orjson.dumps({"status_code": 200, "message": message, "id": "e0fb"}), text=True)
            return
        await socket.send(b'{"status_code":401,"message":"401 - invalid socket key"}', text=True)
        await socket.close()

    async def answer(self, socket: ServerConnection) -> None:
        request = orjson.loads(await socket.recv())
        self.asked.append((request["action"], request["symbols"].split(",")))


class FmpServer(KeyedServer):
    size = "ls"
    price = "lp"

    def vendor(self) -> Vendor:
        return FmpVendor(SecretStr(KEY), self.url)

    @staticmethod
    def trade(number: int, symbol: str = "BTCUSDT", **changes: object) -> bytes:
        """Return a frame of the documented shape; without id or sequence, its size is its number."""
        event = {
            "s": symbol.lower(), "t": 1662397411395419600, "type": "T", "ap": None, "as": None, "bp": None, "bs": None,
            "lp": 149.12, "ls": number,
        }  # fmt: skip
        return orjson.dumps(event | changes)

    @staticmethod
    def number_of(tick: WireTick | WireBar) -> int:
        return int(tick["size"])

    @staticmethod
    def complaint(text: str) -> bytes:
        return orjson.dumps({"event": "subscribe", "status": 429, "message": text})

    async def greet(self, socket: ServerConnection) -> None:
        request = orjson.loads(await socket.recv())
        if request == {"event": "login", "data": {"apiKey": KEY}}:
            await self.say(socket, "login", 200, "Authenticated")
            return
        await self.say(socket, "login", 401, "Unauthorized")
        await socket.close()

    async def answer(self, socket: ServerConnection) -> None:
        request = orjson.loads(await socket.recv())
        self.asked.append((request["event"], [symbol.upper() for symbol in request["data"]["ticker"]]))
        await self.say(socket, request["event"], 200, f"{request['event']}d")
        await socket.send(b'{"event":"heartbeat"}', text=True)

    @staticmethod
    async def say(socket: ServerConnection, event: str, status: int, message: str) -> None:
        await socket.send(orjson.dumps({"event": event, "status": status, "message": message}), text=True)


TRADES_WITH_KEY: list[type[KeyedServer]] = [FinageServer, FmpServer, MassiveServer]
KEYED: list[type[KeyedServer]] = [*TRADES_WITH_KEY, MassiveBarsServer]
TRADES: list[type[VendorServer]] = [BinanceServer, *TRADES_WITH_KEY]
VENDORS: list[type[VendorServer]] = [*TRADES, MassiveBarsServer]


@asynccontextmanager
async def running(vendor: type[VendorServer], *scripts: Script, **options: Any) -> AsyncIterator[VendorServer]:  # noqa: ANN401
    server = vendor(list(scripts), **options)
    async with serve(server.handle, "127.0.0.1", 0, process_request=server.refuse, close_timeout=0.1) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}/stream"
        yield server


def sending(frames: Iterable[bytes], *, then: str = "wait") -> Script:
    """Send `frames`; then wait for the client to go, close, or break the connection off."""

    async def script(_server: VendorServer, socket: ServerConnection) -> None:
        for frame in frames:
            await socket.send(frame, text=False)
        if then == "close":
            await socket.close(1001, "going away")
        elif then == "abort":
            socket.transport.abort()
        else:
            await socket.wait_closed()

    return script


async def silent(_server: VendorServer, socket: ServerConnection) -> None:
    """Send nothing."""
    await socket.wait_closed()
