"""What browsers and programs ask of a running dashboard: refused unread, in little memory, without a trace."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import httpx
import psutil
import pytest

from mdstream.config import ServingSettings, Settings
from mdstream.config.serving import DashboardSettings
from mdstream.serving.dashboard.market_view import MarketView
from tests.servers.serving.websocket.running import Exchange, Running
from tests.waiting import errors_until_end, until

pytestmark = pytest.mark.servers

MEGABYTE = 1_000_000
MADE_UP = 200
DEADLINE_SECONDS = 60


class Dashboard:
    """`mdstream dashboard` without any server behind it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        found = re.search(r":(\d+)$", process.stderr.readline())
        assert found is not None
        self.process = process
        self.port = int(found[1])

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False, timeout=30)

    def says(self, sent: bytes) -> bytes:
        """Return the first line that it answers."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            with suppress(ConnectionError):
                connection.sendall(sent)
            with suppress(ConnectionError):
                return connection.recv(4096).partition(b"\r\n")[0]
            return b""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    command = [sys.executable, "-m", "mdstream", "dashboard", "--port", "0"]
    with subprocess.Popen(
        command, cwd=tmp_path_factory.mktemp("dashboard"), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            running = Dashboard(process)
            until(lambda: running.get("/health/live").is_success)
            yield running
            process.terminate()
            said = errors_until_end(process)
        finally:
            if process.poll() is None:
                process.kill()
    assert "Traceback" not in said
    assert len(said) < 10_000


def test_bodies_of_fifty_megabytes(dashboard: Dashboard) -> None:
    before = psutil.Process(dashboard.process.pid).memory_info().rss
    head = b"POST /_dash-update-component HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (50 * MEGABYTE)
    for _ in range(3):
        # The answer may be lost with the connection, which is closed while there is more to read.
        answer = dashboard.says(head + b"x" * 50 * MEGABYTE)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")
        assert dashboard.get("/live?window=1min").is_success
    assert psutil.Process(dashboard.process.pid).memory_info().rss < before + 20 * MEGABYTE


def test_heads_in_one_piece_are_measured(dashboard: Dashboard) -> None:
    for length in (20_000, 200_000):
        head = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * length + b"\r\n\r\n"
        assert dashboard.says(head) in (b"HTTP/1.1 431 Request Header Fields Too Large", b"")
    short = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 8_000 + b"\r\n\r\n"
    assert dashboard.says(short) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/live?window=1min&since=" + "9" * 5_000, 422),
        ("/_dash-component-suites/os/path.py", 404),
        ("/_dash-update-component", 404),
        ("/live?window=1min&symbol=" + "A" * 65, 422),
        ("/live?" + "a" * 10_000, 414),
    ],
)
def test_questions_that_no_page_asks(dashboard: Dashboard, path: str, status: int) -> None:
    answer = dashboard.get(path)
    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_charts_of_made_up_symbols_do_not_shut_out_real_ones(websocket: Running, exchange: Exchange) -> None:
    before = websocket.refused("message_rate")
    own = DashboardSettings(websocket_url=websocket.url, rest_url="http://127.0.0.1:1")

    async def bars_of(view: MarketView, symbol: str) -> int:
        answer = await view.answer(symbol, "1min", 0, "")
        assert answer["status"]["live"]
        return len(answer["chart"]["bars"])

    async def attack() -> int:
        view = MarketView(Settings(serving=ServingSettings(dashboard=own)))
        await view.start()
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                while view._live.problem is not None:
                    await asyncio.sleep(0.02)
                for number in range(MADE_UP):
                    await view.answer(f"ZZ{number}", "1min", 0, "")
                while await bars_of(view, "AAPL") == 0:
                    await asyncio.to_thread(exchange.trade, "AAPL")
                    await asyncio.sleep(0.05)
            return view._live.connections
        finally:
            await view.stop()

    assert asyncio.run(attack()) == 1
    assert websocket.refused("message_rate") == before
