"""Requests a second of the REST API, and how long they take at half of that, or at 1,000 a second.

    python -m bench.rest [--seconds 20] [--half-open 10000]

Starts real local servers and `mdstream api` as a process of its own, fills them with 100 symbols, and prints a table
in Markdown. Where there are two processors, the API has one to itself and the load the other. `CPU ms` is the API's
processor time a request: what other work on the machine does not change. `empty` is uvicorn with an application that
answers at once, in the same run: what no application gets below.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil

from bench.sinks import bars, ticks
from mdstream.config import Settings
from mdstream.embedded import LocalPostgres, LocalRedis
from mdstream.schemas import BAR, STORED_TICK
from mdstream.stores import RedisSink, TimescaleSink
from mdstream.stores.timescaledb import create_schema

_API = [sys.executable, "-c", "from mdstream.cli import main; main()", "api", "--port"]
_EMPTY = """
import socket, sys
from mdstream.serving.connections import ConnectionLimits
from mdstream.serving.server import listen, serve
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})
serve(app, listen("127.0.0.1", int(sys.argv[1])), ConnectionLimits("empty"))
"""
_SYMBOLS = 100
_MOST_STEADY_RATE = 1_000.0
_PATHS = {
    "latest": [f"/api/v1/latest/S{number:05}" for number in range(_SYMBOLS)],
    "aggregated, 100 bars": [f"/api/v1/aggregated/S{number:05}?window=1min&limit=100" for number in range(_SYMBOLS)],
    "aggregated, 1 bar": [f"/api/v1/aggregated/S{number:05}?window=1min&limit=1" for number in range(_SYMBOLS)],
}


@dataclass(frozen=True)
class Server:
    """A running server that is measured."""

    process: psutil.Process
    port: int


def _variables(postgres: LocalPostgres, redis: LocalRedis) -> dict[str, str]:
    database = postgres.settings
    return os.environ | {
        "MDSTREAM_STORES__TIMESCALEDB__PORT": str(database.port),
        "MDSTREAM_STORES__TIMESCALEDB__DATABASE": database.database,
        "MDSTREAM_STORES__TIMESCALEDB__USER": database.user,
        "MDSTREAM_STORES__TIMESCALEDB__PASSWORD": database.password.get_secret_value(),
        "MDSTREAM_STORES__REDIS__PORT": str(redis.settings.port),
        # All the load comes from one address.
        "MDSTREAM_SERVING__REST__REQUESTS_PER_SECOND": "1000000",
        "MDSTREAM_SERVING__REST__BURST": "1000000",
    }


def _fill(postgres: LocalPostgres, redis: LocalRedis) -> None:
    create_schema(postgres.settings, Settings().table_records)
    TimescaleSink(postgres.settings, STORED_TICK).write(ticks(0, 100_000))
    TimescaleSink(postgres.settings, BAR).write(bars(0, 100 * _SYMBOLS))
    # Long enough to outlive the run.
    remembering = redis.settings.model_copy(
        update={"latest_price_ttl_seconds": 86_400, "aggregated_ttl_seconds": 86_400}
    )
    RedisSink(remembering, STORED_TICK).write(ticks(0, 10_000))
    RedisSink(remembering, BAR).write(bars(0, 100 * _SYMBOLS))


@contextmanager
def _running(command: list[str], variables: dict[str, str], folder: Path) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    with subprocess.Popen([*_on_processor(0), *command, str(port)], env=variables, cwd=folder) as process:
        try:
            deadline = time.monotonic() + 60
            while not _answers(port):
                if time.monotonic() > deadline:
                    raise SystemExit("the server does not answer")
                time.sleep(0.1)
            yield Server(psutil.Process(process.pid), port)
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/live", trust_env=False).status_code == 200
    except httpx.ConnectError:
        return False


def _on_processor(number: int) -> list[str]:
    available = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(available[number])] if len(available) > 1 else []


def _load(server: Server, seconds: float, paths: list[str], rate: float | None) -> dict[str, float]:
    command = [*_on_processor(1), sys.executable, "-m", "bench.http_load", str(server.port), str(seconds), *paths]
    before, begun = _cpu_seconds(server), time.monotonic()
    done = subprocess.run([*command, *(["--rate", str(rate)] if rate else [])], stdout=subprocess.PIPE, check=True)
    seen: dict[str, float] = json.loads(done.stdout)
    asked = seen["requests_per_second"] * seconds
    return seen | {"cpu_ms": (_cpu_seconds(server) - before) / asked * 1000, "seconds": time.monotonic() - begun}


def _cpu_seconds(server: Server) -> float:
    times = server.process.cpu_times()
    return times.user + times.system


def _report(name: str, server: Server, seconds: float, paths: list[str]) -> None:
    _load(server, 2, paths, None)
    most = _load(server, seconds, paths, None)
    rate = min(most["requests_per_second"] / 2, _MOST_STEADY_RATE)
    half = _load(server, seconds, paths, rate)
    print(
        f"| {name} | {most['requests_per_second']:,.0f} | {most['cpu_ms']:.2f} | {rate:,.0f} | {half['p50_ms']:.1f} | "
        f"{half['p99_ms']:.1f} | {half['max_ms']:.1f} | {most['failed'] + half['failed']:.0f} |",
        flush=True,
    )


def _hold_half_open(server: Server, count: int, seconds: float) -> None:
    """Open connections that never finish a request, from several processes, and measure `latest` meanwhile."""
    script = (
        "import resource, socket, sys, time\n"
        "count, port = int(sys.argv[1]), int(sys.argv[2])\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100,) * 2)\n"
        "held = []\n"
        "for _ in range(count):\n"
        "    held.append(socket.create_connection(('127.0.0.1', port)))\n"
        "    held[-1].sendall(b'GET /api/v1/latest/S00000 HT')\n"
        "print('held', flush=True)\n"
        "time.sleep(float(sys.argv[3]))\n"
    )
    command = [sys.executable, "-c", script, str(count), str(server.port), str(seconds * 2 + 10)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as attack:
        assert attack.stdout is not None
        attack.stdout.readline()
        _report(f"latest, beside {count:,} half-open connections", server, seconds, _PATHS["latest"])
        attack.terminate()
    metrics = httpx.get(f"http://127.0.0.1:{server.port}/metrics", trust_env=False).text
    refused = [line for line in metrics.splitlines() if line.startswith("serving_refused_total{")]
    print("\n" + "\n".join(refused))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--half-open", type=int, default=0)
    arguments = parser.parse_args()
    with ExitStack() as steps:
        folder = Path(steps.enter_context(TemporaryDirectory()))
        postgres, redis = steps.enter_context(LocalPostgres()), steps.enter_context(LocalRedis())
        _fill(postgres, redis)
        print("| | most requests/s | CPU ms | at requests/s | p50 ms | p99 ms | max ms | failed |")
        print("|---|---|---|---|---|---|---|---|")
        with _running([sys.executable, "-c", _EMPTY], dict(os.environ), Path.cwd()) as empty:
            _report("empty", empty, arguments.seconds, ["/"])
        api = steps.enter_context(_running(_API, _variables(postgres, redis), folder))
        for name, paths in _PATHS.items():
            _report(name, api, arguments.seconds, paths)
        if arguments.half_open:
            _hold_half_open(api, arguments.half_open, arguments.seconds)


if __name__ == "__main__":
    main()
