"""A server that speaks a vendor's protocol, and misbehaves on demand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import orjson
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

Script = Callable[["BinanceServer", ServerConnection, list[str]], Awaitable[None]]
"""What a connection sees once it has subscribed: the server, its socket and the streams it asked for."""


@dataclass
class BinanceServer:
    """Answers subscriptions as Binance does; the n-th connection gets the n-th script, the last one ever after."""

    scripts: list[Script]
    statuses: list[HTTPStatus] = field(default_factory=list)
    retry_after: str | None = None
    url: str = ""
    connections: int = 0
    refused: int = 0
    asked: list[tuple[str, list[str]]] = field(default_factory=list)

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
        streams = await self.answer(socket)
        await self.scripts[min(number, len(self.scripts) - 1)](self, socket, streams)

    async def answer(self, socket: ServerConnection) -> list[str]:
        request = orjson.loads(await socket.recv())
        self.asked.append((request["method"], request["params"]))
        await socket.send(orjson.dumps({"result": None, "id": request["id"]}), text=True)
        return list(request["params"])


@asynccontextmanager
async def running(*scripts: Script, **options: object) -> AsyncIterator[BinanceServer]:
    server = BinanceServer(list(scripts), **options)  # type: ignore[arg-type]
    async with serve(server.handle, "127.0.0.1", 0, process_request=server.refuse, close_timeout=0.1) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        server.url = f"ws://127.0.0.1:{port}/stream"
        yield server


def trade(number: int, symbol: str = "BTCUSDT", **changes: object) -> bytes:
    """Return a frame as it was recorded in August 2024, with another id."""
    event = {
        "e": "trade", "E": 1723161255343, "s": symbol, "t": number, "p": "61837.63000000", "q": "0.02000000",
        "T": 1723161255342, "m": True, "M": True,
    }  # fmt: skip
    return orjson.dumps({"stream": f"{symbol.lower()}@trade", "data": event | changes})


def sending(frames: Iterable[bytes], *, then: str = "wait") -> Script:
    """Send `frames`; then wait for the client to go, close, or break the connection off."""

    async def script(_server: BinanceServer, socket: ServerConnection, _streams: list[str]) -> None:
        for frame in frames:
            await socket.send(frame)
        if then == "close":
            await socket.close(1001, "going away")
        elif then == "abort":
            socket.transport.abort()
        else:
            await socket.wait_closed()

    return script


async def silent(_server: BinanceServer, socket: ServerConnection, _streams: list[str]) -> None:
    """Send nothing."""
    await socket.wait_closed()
