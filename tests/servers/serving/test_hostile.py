"""Connections that send nothing, too slowly, too much or nonsense to the running API: counted, and it goes on."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from mdstream.config import RedisSettings, TimescaleSettings
from mdstream.embedded import LocalRedis
from mdstream.serving.access import entry_for
from tests.servers.serving.rows import remember_latest, tick
from tests.servers.serving.test_process import COMMAND, Api, environment, running
from tests.waiting import until

KEY, METRICS_KEY, FLOODING_KEY = "mds_open-sesame", "mds_metrics", "mds_flooding"
PLACES = 50
Refused = Callable[[], dict[str, int]]
LATEST = "/api/v1/latest/AAPL"


@pytest.fixture(scope="module")
def api(
    database_with_tables: TimescaleSettings, redis_server: LocalRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Api]:
    """An API with few places for connections, keys, and one second for a request."""
    redis = redis_server.settings.model_copy(update={"latest_price_ttl_seconds": 3600})
    remember_latest(redis, tick(1, price=101.0))
    limits = {"CONNECTIONS": PLACES, "REQUEST_SECONDS": 1, "REQUESTS_PER_SECOND": 20, "BURST": 300}
    variables = environment(database_with_tables, redis)
    variables |= {f"MDSTREAM_SERVING__REST__{name}": str(value) for name, value in limits.items()}
    entries = [entry_for(name, key) for name, key in {"desk": KEY, "metrics": METRICS_KEY, "bot": FLOODING_KEY}.items()]
    variables["MDSTREAM_SERVING__API_KEYS"] = json.dumps(entries)
    with running(variables, tmp_path_factory.mktemp("api")) as api:
        yield api
        # Whatever was done to it, nothing was worth a line in its log, and no key was.
        assert api.stop() == (0, "")


def ask(api: Api, path: str = LATEST, key: str = KEY) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{api.port}{path}", headers={"X-API-Key": key}, timeout=30, trust_env=False)


@pytest.fixture
def refused(api: Api) -> Refused:
    """How many more were refused since the test began, by reason."""

    def read() -> Counter[str]:
        text = ask(api, "/metrics", METRICS_KEY).text
        found = re.findall(r'serving_refused_total\{reason="(\w+)",server="rest"\} (\d+)', text)
        return Counter({reason: int(count) for reason, count in found})

    before = read()
    return lambda: dict(read() - before)


def open_connections(api: Api) -> int:
    found = re.search(r'serving_connections\{server="rest"\} (\d+)', ask(api, "/metrics", METRICS_KEY).text)
    assert found is not None
    return int(found[1])


def connect(api: Api, first: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", api.port), timeout=30)
    connection.sendall(first)
    return connection


def ends(connection: socket.socket) -> bool:
    """Whether the server has closed the connection; waits for it."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize("begun", [b"", b"GET /api/v1/latest/AAPL HTTP/1.1\r\nHost: local"])
def test_hundreds_of_half_open_connections(api: Api, begun: bytes, refused: Refused) -> None:
    with ExitStack() as held:
        for number in range(8 * PLACES):
            held.enter_context(connect(api, begun))
            if number % 100 == 99:
                # While all places are taken, whoever asks gets one.
                assert ask(api).json()["price"] == 101.0
        assert open_connections(api) <= PLACES
        assert refused()["crowded"] >= 7 * PLACES
        # And those that keep theirs are closed after their second.
        until(lambda: open_connections(api) == 1)
        assert refused()["slow_request"] >= PLACES / 2


def test_a_request_byte_by_byte_has_its_second_too(api: Api, refused: Refused) -> None:
    with connect(api) as slow:
        sent = 0

        def is_closed() -> bool:
            nonlocal sent
            try:
                slow.sendall(b"GET /a" if sent == 0 else b"a")
            except (BrokenPipeError, ConnectionResetError):
                return True
            sent += 1
            return False

        until(is_closed)
    assert refused()["slow_request"] == 1


def test_a_second_request_that_never_ends(api: Api, refused: Refused) -> None:
    request = f"GET {LATEST} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n\r\n".encode()
    with connect(api, request) as connection:
        assert b"200 OK" in connection.recv(65_536)
        connection.sendall(request[:20])
        assert ends(connection)
    assert refused()["slow_request"] == 1


def test_pipelined_requests_are_answered_in_turn(api: Api) -> None:
    request = f"GET {LATEST} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n\r\n".encode()
    received = b""
    with connect(api, request * 20) as connection:
        while received.count(b'"price":101.0') < 20:
            data = connection.recv(65_536)
            assert data
            received += data
    assert received.count(b"HTTP/1.1 200 OK") == 20


@pytest.mark.parametrize(
    ("sent", "status", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 2_000_000, b"431", "head"),
        (b"GET /" + b"a" * 2_000_000, b"431", "head"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"400", "not_http"),
        (b"BREW /coffee HTTP/1.1\r\n\r\n", b"400", "not_http"),
        (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"400",
            "not_http",
        ),
        (b"POST /health/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n", b"413", "body"),
    ],
)
def test_what_is_too_long_or_no_http(api: Api, sent: bytes, status: bytes, reason: str, refused: Refused) -> None:
    with connect(api) as connection:
        try:
            connection.sendall(sent)
            answer = connection.recv(65_536)
        except (BrokenPipeError, ConnectionResetError):
            # It was answered, and closed while we still sent.
            answer = b""
        assert answer.startswith(b"HTTP/1.1 " + status) or not answer
        assert ends(connection)
    assert refused()[reason] == 1
    assert ask(api).status_code == 200


def test_upgrades_are_not_made(api: Api) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    with connect(api, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n" + upgrade) as connection:
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")


def test_who_does_not_read_holds_nobody_up(api: Api) -> None:
    request = f"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {KEY}\r\n\r\n".encode()
    with ExitStack() as held:
        for _ in range(PLACES - 5):
            connection = held.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", api.port))
            connection.sendall(request)
        assert ask(api).status_code == 200


def test_wrong_keys_and_floods_are_counted(api: Api, refused: Refused) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{api.port}", trust_env=False, timeout=30) as client:
        wrong = [client.get(LATEST, headers={"X-API-Key": f"mds_{number}"}).status_code for number in range(20)]
        flood = [client.get(LATEST, headers={"X-API-Key": FLOODING_KEY}) for _ in range(600)]

    statuses = [response.status_code for response in flood]
    assert wrong == [401] * 20
    assert statuses[:300] == [200] * 300
    assert 429 in statuses
    assert next(response for response in flood if response.status_code == 429).headers["Retry-After"] == "1"
    assert refused() == {"key": 20, "rate": statuses.count(429)}
    assert ask(api, "/api/v1/symbols", METRICS_KEY).status_code == 200


def test_another_machine_is_let_in_with_a_warning_only(
    database: TimescaleSettings, fresh_redis: RedisSettings, tmp_path: Path
) -> None:
    variables = environment(database, fresh_redis)
    with running(variables, tmp_path, "--port", "0", "--host", "0.0.0.0") as exposed:  # noqa: S104
        _, said = exposed.stop()
    with running(
        variables | {"MDSTREAM_SERVING__API_KEYS": f'["{entry_for("desk", KEY)}"]'},
        tmp_path,
        "--port",
        "0",
        "--host",
        "0.0.0.0",  # noqa: S104
    ) as closed:
        _, said_with_keys = closed.stop()

    assert said.startswith("warning: other machines can connect, and everybody may ask: serving.api_keys is empty")
    assert "mdstream config key" in said
    assert said_with_keys == ""


def test_more_places_than_the_system_allows(
    database: TimescaleSettings, fresh_redis: RedisSettings, tmp_path: Path
) -> None:
    variables = environment(database, fresh_redis) | {"MDSTREAM_SERVING__REST__CONNECTIONS": "1000"}
    limited = ["prlimit", "--nofile=512:512", *COMMAND, "--port", "0"]
    done = subprocess.run(limited, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "allows this process 512 open files and connections, and it may need 1200" in done.stderr
    assert "Traceback" not in done.stderr
