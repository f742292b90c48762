"""Clients that are too many, not allowed, slow or silent harm nobody else."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect

from mdstream.serving.access import entry_for, new_key
from tests.servers.serving.websocket.running import ANSWER_SECONDS, Exchange, Running, ready
from tests.waiting import errors_until_end, until

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
HALF_OPEN = 3_000


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://localhost.evil.example"])
def test_pages_of_other_origins_are_refused(server: Running, origin: str) -> None:
    before = server.refused("origin")
    with pytest.raises(InvalidStatus) as caught, server.client(origin=origin):
        pass

    assert caught.value.response.status_code == 403
    assert b"serving.allowed_origins" in bytes(caught.value.response.body or b"")
    assert server.refused("origin") == before + 1


def test_names_that_others_gave_this_machine_are_refused(server: Running) -> None:
    before = server.refused("host")
    answer = server.get("/metrics", Host="rebound.example")

    assert answer.status_code == 403
    assert server.refused("host") == before + 1


def test_no_more_clients_than_allowed(server: Running) -> None:
    with ExitStack() as crowd:
        for _ in range(30):
            crowd.enter_context(server.client())
        with pytest.raises(InvalidStatus) as caught, server.client():
            pass
        assert server.get("/health/live").status_code == 200
    assert caught.value.response.status_code == 503
    until(lambda: server.metric("websocket_clients") == 0)
    with server.client("AAPL"):
        pass


@contextmanager
def many_files_allowed() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * HALF_OPEN:
        pytest.skip(f"{hard} open files are allowed; {2 * HALF_OPEN} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * HALF_OPEN), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_thousands_of_half_open_connections(server: Running, exchange: Exchange, symbol: str) -> None:
    before = server.refused("half_open")
    with many_files_allowed(), server.client(symbol) as client, ExitStack() as flood:
        for number in range(HALF_OPEN):
            half = flood.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            half.sendall((b"", b"GET", REQUEST[:-2])[number % 3])
        exchange.trade(symbol)
        assert client.hear()["symbol"] == symbol
        with server.client(symbol) as newcomer:
            assert newcomer.hear()["snapshot"] is True
        until(lambda: server.refused("half_open") >= before + HALF_OPEN - 50)


def small_socket(server: Running) -> socket.socket:
    """Return a connection of which the system holds little."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.connect(("127.0.0.1", server.port))
    return small


def test_a_frozen_client_is_cut_off_and_delays_nobody(server: Running, exchange: Exchange, symbol: str) -> None:
    before = server.metric("websocket_clients_stalled_total")
    with server.client(symbol) as live, small_socket(server) as frozen:
        frozen.sendall(REQUEST)
        frozen.recv(4096)
        wanted = b'{"type":"subscribe","symbols":["%b"]}' % symbol.encode()
        frozen.sendall(Frame(Opcode.TEXT, wanted).serialize(mask=True))
        sequence = 0
        deadline = time.monotonic() + 60
        while server.metric("websocket_clients_stalled_total") == before:
            assert time.monotonic() < deadline
            exchange.trade(symbol, more="x" * 20_000)
            sequence += 1
            assert live.hear_until("tick")["sequence"] == sequence
        until(lambda: server.metric("websocket_clients") == 1)
    assert server.metric("websocket_frames_conflated_total") > 0


def test_a_slow_client_goes_on_with_the_newest(server: Running, exchange: Exchange, symbol: str) -> None:
    with server.client(symbol) as live, server.client(symbol, sock=small_socket(server), max_queue=1) as slow:
        sequence = 0
        # While it does not read, only what the systems between hold can be old.
        while sequence < 100:
            exchange.trade(symbol, more="x" * 20_000)
            sequence = live.hear_until("tick")["sequence"]
        seen = [slow.hear_until("tick")["sequence"]]
        while seen[-1] < sequence:
            seen.append(slow.hear_until("tick")["sequence"])

    assert seen[-1] == sequence
    assert seen == sorted(set(seen))
    assert len(seen) < sequence


def test_keys(servers: str, tmp_path: Path) -> None:
    key = new_key()
    keys = f'["{entry_for("desk", key)}"]'
    with ready(servers, tmp_path, api_keys=keys, websocket__auth_seconds=1) as server:
        with server.client("AAPL", additional_headers={"Authorization": f"Bearer {key}"}):
            pass
        with server.client() as page:
            page.say(type="auth", key=key)
            assert page.hear() == {"type": "authenticated", "name": "desk"}
            page.say(type="subscribe", symbols=["AAPL"])
            assert page.hear()["type"] == "subscribed"
        with pytest.raises(InvalidStatus) as refused, server.client(additional_headers={"X-API-Key": "a guess"}):
            pass
        assert refused.value.response.status_code == 401
        says = {
            "a guess": '{"type":"auth","key":"a guess"}',
            "no key": '{"type":"subscribe","symbols":["AAPL"]}',
            "no message": "hello",
            "silence": None,
        }
        for case, first in says.items():
            with connect(server.url, proxy=None) as client:
                if first is not None:
                    client.send(first)
                assert '"code":"unauthorized"' in str(client.recv(ANSWER_SECONDS)), case
                with pytest.raises(ConnectionClosedError) as closed:
                    client.recv(ANSWER_SECONDS)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1008
        assert server.get("/health/ready").status_code == 200
        assert server.get("/metrics").status_code == 401
        assert server.refused("key", Authorization=f"Bearer {key}") == 6
        server.process.terminate()
        errors = errors_until_end(server.process, 30)

    assert (server.process.returncode, errors) == (0, "")
