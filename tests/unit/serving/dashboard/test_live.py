"""The connection to the WebSocket server: made again, and asked again for everything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from mdstream.serving.dashboard import live
from mdstream.serving.dashboard.live import Live, Subscription

pytestmark = pytest.mark.anyio

EVERYTHING: Subscription = {"symbols": ["*"], "channels": ["bar"], "windows": ["1min"]}
MORE: Subscription = {"symbols": ["AAPL"], "channels": ["indicator"], "windows": ["5min"]}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(live, "_LONGEST_PAUSE_SECONDS", 0.02)


class Peer:
    """A server that speaks the protocol and remembers what it was told."""

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.asked: list[dict[str, Any]] = []
        self.connections: list[ServerConnection] = []

    async def talk(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        async for message in connection:
            self.asked.append(json.loads(message))
            await connection.send('{"type":"subscribed"}')

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return connection.respond(HTTPStatus.UNAUTHORIZED, "no")
        return None

    async def send(self, **frame: object) -> None:
        await self.connections[-1].send(json.dumps(frame))

    def listen(self, port: int = 0) -> AbstractAsyncContextManager[Server]:
        return serve(self.talk, "127.0.0.1", port, process_request=self.check)


def port_of(server: Server) -> int:
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


@asynccontextmanager
async def running(port: int, taken: list[Any], key: str = "") -> AsyncIterator[Live]:
    wanted = [EVERYTHING]
    client = Live(f"ws://127.0.0.1:{port}", key, lambda *frame: taken.append(frame), lambda: wanted)
    task = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_takes_records_and_says_which_were_there_before() -> None:
    peer, taken = Peer(), list[Any]()
    async with peer.listen() as server, running(port_of(server), taken) as client:
        await until(lambda: client.problem is None)
        await client.subscribe(MORE)
        await client.unsubscribe(MORE)
        await peer.send(type="bar", symbol="AAPL", sequence=1, snapshot=True, data={"close": 1.0})
        await peer.send(type="error", code="unknown_window", message="no")
        await peer.send(type="something", of="a later version")
        await peer.send(type="anomaly", symbol="AAPL", sequence=1, data={"rule": "spike"})
        await until(lambda: len(taken) == 2)
    assert peer.asked == [
        {"type": "subscribe", **EVERYTHING},
        {"type": "subscribe", **MORE},
        {"type": "unsubscribe", **MORE},
    ]
    assert taken == [("bar", {"close": 1.0}, True), ("anomaly", {"rule": "spike"}, False)]


async def test_connects_again_and_asks_for_everything_again() -> None:
    peer, taken = Peer(), list[Any]()
    async with peer.listen() as server:
        port = port_of(server)
        async with running(port, taken) as client:
            await until(lambda: client.problem is None)
            server.close()
            await server.wait_closed()
            await until(lambda: client.problem)
            assert "mdstream websocket" in str(client.problem)
            await client.subscribe(MORE)  # goes nowhere, and fails nobody
            async with peer.listen(port):
                await until(lambda: client.problem is None)
                assert client.connections == 2
    assert peer.asked == [{"type": "subscribe", **EVERYTHING}] * 2


async def test_waits_for_a_server_that_is_not_there_yet() -> None:
    peer = Peer()
    async with peer.listen() as server:
        port = port_of(server)
    async with running(port, []) as client:
        await until(lambda: "does not answer" in str(client.problem))
        async with peer.listen(port):
            await until(lambda: client.problem is None)


async def test_says_what_a_refused_key_needs() -> None:
    peer = Peer(key="right")
    async with peer.listen() as server:
        async with running(port_of(server), [], key="wrong") as client:
            await until(lambda: "refuses" in str(client.problem))
            assert "MDSTREAM_SERVING__DASHBOARD__API_KEY" in str(client.problem)
            assert "wrong" not in str(client.problem)
        async with running(port_of(server), [], key="right") as client:
            await until(lambda: client.problem is None)


async def test_says_that_kafka_is_away_and_back() -> None:
    peer = Peer()
    async with peer.listen() as server, running(port_of(server), []) as client:
        await until(lambda: client.problem is None)
        await peer.send(type="status", kafka="down", message="no records come")
        await until(lambda: client.is_without_kafka)
        assert client.problem is None
        await peer.send(type="status", kafka="up", message="records come again")
        await until(lambda: not client.is_without_kafka)


async def test_what_is_no_message_is_left_out() -> None:
    peer, taken = Peer(), list[Any]()
    async with peer.listen() as server, running(port_of(server), taken) as client:
        await until(lambda: client.problem is None)
        for text in ("", "[", "[]", "3", "null", "{}", '{"type":3}', '{"type":null,"data":{}}', b"\xff"):
            await peer.connections[-1].send(text)
        await peer.send(type="bar", data=None)
        await until(lambda: taken)
        assert client.connections == 1
        assert client.problem is None
    assert taken == [("bar", None, False)]
