"""The API as its own process, started by the command line and asked over HTTP."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from mdstream.config import RedisSettings, TimescaleSettings
from mdstream.embedded import LocalPostgres
from mdstream.stores.timescaledb import create_schema
from tests.examples_of_users import script
from tests.servers.serving.direct import direct_engine
from tests.servers.serving.rows import NOON, RECORDS, bar, remember_latest, store_bars, store_ticks, tick
from tests.waiting import errors_until_end, until

COMMAND = [sys.executable, "-c", "from mdstream.cli import main; main()", "api"]
START_SECONDS = 60


class Api:
    """A running `mdstream api`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stderr is not None
        self.first_line = process.stderr.readline()
        self.port = int(re.search(r"http://[0-9.]+:(\d+)/", self.first_line)[1])  # type: ignore[index]

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=30, trust_env=False)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit code and what was still written to standard error."""
        self.process.send_signal(number)
        errors = errors_until_end(self.process)
        return self.process.returncode, errors


def environment(database: TimescaleSettings, redis: RedisSettings) -> dict[str, str]:
    places = {
        "TIMESCALEDB__PORT": database.port,
        "TIMESCALEDB__DATABASE": database.database,
        "TIMESCALEDB__USER": database.user,
        "TIMESCALEDB__PASSWORD": database.password.get_secret_value(),
        "REDIS__PORT": redis.port,
    }
    return os.environ | {f"MDSTREAM_STORES__{name}": str(value) for name, value in places.items()}


@contextmanager
def running(variables: dict[str, str], folder: Path, *options: str) -> Iterator[Api]:
    command = [*COMMAND, *(options or ("--port", "0"))]
    with subprocess.Popen(command, env=variables, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            api = Api(process)
            until(lambda: _answers(api), START_SECONDS)
            yield api
        finally:
            if process.poll() is None:
                process.kill()


def _answers(api: Api) -> bool:
    assert api.process.poll() is None
    try:
        return api.get("/health/live").status_code == 200
    except httpx.ConnectError:
        return False


@pytest.fixture
def variables(database: TimescaleSettings, fresh_redis: RedisSettings) -> dict[str, str]:
    return environment(database, fresh_redis)


def test_serves_what_is_stored(
    variables: dict[str, str], database: TimescaleSettings, fresh_redis: RedisSettings, tmp_path: Path
) -> None:
    store_ticks(database, *(tick(offset, symbol="BTC/USD", price=60_000.5) for offset in range(3)))
    store_bars(database, bar(NOON, symbol="BTC/USD", window="5min", volume=3.0))
    remember_latest(fresh_redis, tick(9, symbol="BTC/USD", price=60_001.5))

    with running(variables, tmp_path) as api:
        latest = api.get("/api/v1/latest/BTC/USD")
        escaped = api.get("/api/v1/latest/BTC%2FUSD")
        ticks = api.get("/api/v1/ticks/BTC/USD?limit=2&start=2024-05-06T12:00:00+00:00")
        rest = api.get(f"/api/v1/ticks/BTC/USD?limit=2&cursor={ticks.json()['next_cursor']}")
        bars = api.get("/api/v1/aggregated/BTC/USD?window=5min&start=1714996800000000")
        symbols = api.get("/api/v1/symbols")
        ready = api.get("/health/ready")
        documentation = api.get("/docs")
        invalid = api.get("/api/v1/ticks/BTC/USD?start=%FF%FE")
        code, errors = api.stop(signal.SIGTERM)

    assert latest.json()["price"] == escaped.json()["price"] == 60_001.5
    assert latest.headers["X-Source"] == "redis"
    assert "server" not in latest.headers
    assert [item["kafka_offset"] for item in ticks.json()["items"]] == [2, 1]
    assert [item["kafka_offset"] for item in rest.json()["items"]] == [0]
    assert [item["volume"] for item in bars.json()["items"]] == [3.0]
    assert symbols.json()["symbols"] == ["BTC/USD"]
    assert ready.status_code == documentation.status_code == 200
    assert (invalid.status_code, invalid.json()["error"]["field"]) == (422, "start")
    assert (code, errors) == (0, "")


def test_the_script_of_examples_gets_all_bars(
    variables: dict[str, str], database: TimescaleSettings, tmp_path: Path
) -> None:
    starts = [NOON + timedelta(minutes=minute) for minute in range(1_003)]
    store_bars(database, *(bar(start) for start in starts))
    with (
        running(variables, tmp_path) as api,
        httpx.Client(base_url=f"http://127.0.0.1:{api.port}", trust_env=False) as client,
    ):
        found = [each["window_start"] for each in script("ask_rest").bars_of(client, "AAPL")]
    assert found == [start.strftime("%Y-%m-%dT%H:%M:%SZ") for start in reversed(starts)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_when_told_to(variables: dict[str, str], tmp_path: Path, number: signal.Signals) -> None:
    with running(variables, tmp_path) as api, socket.create_connection(("127.0.0.1", api.port)):
        # An open connection without a request holds nothing up.
        assert api.stop(number) == (0, "")


def test_answers_what_has_begun_before_it_stops(
    variables: dict[str, str], database: TimescaleSettings, tmp_path: Path
) -> None:
    store_ticks(database, tick(1))
    answers: list[httpx.Response] = []
    with running(variables, tmp_path) as api:
        request = threading.Thread(target=lambda: answers.append(api.get("/api/v1/ticks/AAPL")))
        with direct_engine(database).begin() as other:
            other.execute(sa.text("LOCK TABLE tick_data IN ACCESS EXCLUSIVE MODE"))
            request.start()
            with direct_engine(database).connect() as observer:
                until(lambda: _waits_for_lock(observer))
            api.process.send_signal(signal.SIGTERM)
            until(lambda: _refuses_connections(api.port))
        request.join()
        errors = errors_until_end(api.process)

    assert [answer.status_code for answer in answers] == [200]
    assert (api.process.returncode, errors) == (0, "")


def _waits_for_lock(observer: sa.Connection) -> bool:
    observer.rollback()
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(observer.scalar(sa.text(query)) == 1)


def _refuses_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False


def test_starts_before_its_servers(fresh_redis: RedisSettings, tmp_path: Path) -> None:
    postgres = LocalPostgres()
    with running(environment(postgres.settings, fresh_redis), tmp_path) as api:
        before = api.get("/health/ready")
        with postgres:
            without_tables = api.get("/health/ready")
            create_schema(postgres.settings, RECORDS)
            until(lambda: api.get("/health/ready").status_code == 200)
            store_ticks(postgres.settings, tick(1))
            found = api.get("/api/v1/latest/AAPL")
        code, _ = api.stop(signal.SIGTERM)

    assert before.status_code == without_tables.status_code == 503
    assert "refused" in before.json()["error"]["servers"]["database"]
    assert "mdstream maintain" in without_tables.json()["error"]["servers"]["database"]
    assert found.status_code == 200
    assert code == 0


def test_a_port_that_is_taken(variables: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--port", str(port)], env=variables, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1:{port}: Address already in use; ")
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1"])
def test_a_host_that_is_not_ours(variables: dict[str, str], tmp_path: Path, host: str) -> None:
    done = subprocess.run(
        [*COMMAND, "--host", host], env=variables, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"error: cannot listen on {host}:8000: ")
    assert "Traceback" not in done.stderr


def test_the_address_comes_from_the_configuration(variables: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    configured = tmp_path / "other.yaml"
    configured.write_text(f"serving: {{rest_port: {port}}}\nwindow_configurations: [{{name: 2min, duration: 120}}]\n")

    with running(variables, tmp_path, "--config", str(configured)) as api:
        windows = api.get("/api/v1/symbols").json()["windows"]
        unknown = api.get("/api/v1/aggregated/AAPL?window=1min")

    assert api.port == port
    assert windows == ["2min"]
    assert unknown.json()["error"]["known"] == ["2min"]


def test_listens_on_the_local_address_only(variables: dict[str, str], tmp_path: Path) -> None:
    with running(variables, tmp_path) as api:
        listening = Path("/proc/net/tcp").read_text().splitlines()[1:]

    local = [line.split()[1] for line in listening if line.split()[3] == "0A"]
    assert [address for address in local if address.endswith(f":{api.port:04X}")] == [f"0100007F:{api.port:04X}"]
