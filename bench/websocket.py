"""From a tick's ingest to its frame at many clients of `mdstream websocket`, with frozen clients among them.

python -m bench.websocket --clients 1000 --symbols 10 --rate 2000 --seconds 30
python -m bench.websocket --clients 1000 --channels bar --windows 1min

Ticks and their bars come from `bench.market` through a real Kafka. All processes share the machine.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import orjson
import psutil
from websockets.frames import Frame, Opcode

from bench.websocket_clients import BUCKET_MS, UPGRADE
from mdstream.config import KafkaSettings, load_settings
from mdstream.embedded import LocalKafka
from mdstream.embedded.server import free_port
from mdstream.kafka.topics import create_topics, plan_topics

_POINTS = (50, 95, 99, 99.9, 100)
_WARM_UP_SECONDS = 10.0
_REST_SECONDS = 3.0
_START_SECONDS = 60.0


@contextmanager
def running(*command: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def freeze(port: int) -> socket.socket:
    """Return a client that wants everything and reads nothing."""
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(UPGRADE)
    client.recv(4096)
    client.sendall(Frame(Opcode.TEXT, b'{"type":"subscribe","symbols":["*"]}').serialize(mask=True))
    return client


def cpu_seconds(pids: dict[str, list[int]]) -> dict[str, float]:
    return {name: sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in group) for name, group in pids.items()}


def metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        [value] = re.findall(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(value)


def wait_until_ready(server: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not _is_ready(port):
        assert server.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server does not get ready"
        time.sleep(0.2)


def _is_ready(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready")
    except OSError:
        return False
    return True


def percentiles(histogram: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
    reached = np.cumsum(histogram) / histogram.sum() * 100
    return " / ".join(f"{np.searchsorted(reached, point) * BUCKET_MS:.1f}" for point in _POINTS)


def measure(options: argparse.Namespace, servers: str, kafka: int, end: ExitStack) -> None:
    environment = os.environ | {"MDSTREAM_KAFKA__BOOTSTRAP_SERVERS": servers}
    port = free_port()
    server = end.enter_context(running("mdstream", "websocket", "--port", str(port), environment=environment))
    wait_until_ready(server, port)
    share = options.clients // options.processes
    crowds = [
        end.enter_context(
            running(
                "bench.websocket_clients", str(port), str(share), "--first", str(number * share),
                "--symbols", str(options.symbols), "--channels", options.channels, "--windows", options.windows,
                environment=environment,
            )
        )
        for number in range(options.processes)
    ]  # fmt: skip
    for crowd in crowds:
        assert crowd.stdout is not None
        assert crowd.stdout.readline() == "ready\n"
    frozen = [end.enter_context(freeze(port)) for _ in range(options.frozen)]
    last = int((time.time() + _WARM_UP_SECONDS + options.seconds) * 1_000_000)
    market = end.enter_context(
        running("bench.market", servers, "--rate", str(options.rate), "--until", str(last), environment=environment)
    )
    time.sleep(_WARM_UP_SECONDS)
    for crowd in crowds:
        assert crowd.stdin is not None
        crowd.stdin.write(f"{last}\n")
        crowd.stdin.flush()
    groups = {
        "server": [server.pid],
        "clients": [crowd.pid for crowd in crowds],
        "market": [market.pid],
        "Kafka": [kafka],
    }
    before, began = cpu_seconds(groups), time.monotonic()
    sent, conflated = metric(port, "websocket_frames_sent_total"), metric(port, "websocket_frames_conflated_total")
    time.sleep(max(0.0, last / 1_000_000 - time.time()))
    took, after = time.monotonic() - began, cpu_seconds(groups)
    sent = metric(port, "websocket_frames_sent_total") - sent
    conflated = metric(port, "websocket_frames_conflated_total") - conflated
    stalled = metric(port, "websocket_clients_stalled_total")
    time.sleep(_REST_SECONDS)
    seen = [orjson.loads(crowd.communicate("", timeout=60)[0]) for crowd in crowds]
    histogram = np.sum([np.array(each["histogram"]) for each in seen], axis=0)
    kinds = ("tick" in options.channels) + ("bar" in options.channels) * len(
        options.windows.split(",") if options.windows else load_settings().windows
    )
    whole = [count == kinds * options.symbols for each in seen for count in each["last"]]
    cores = ", ".join(f"{name} {(after[name] - before[name]) / took:.2f}" for name in groups)
    print(f"{options.clients} clients x {options.symbols} symbols, {options.channels} {options.windows}")
    print(f"  p50 / p95 / p99 / p99.9 / max ms: {percentiles(histogram)}")
    print(f"  frames/s {sent / took:,.0f}, conflated {conflated / (sent + conflated):.0%}; cores: {cores}")
    print(f"  clients with the newest of everything: {sum(whole)} of {len(whole)}; lost {sum(e['lost'] for e in seen)}")
    print(f"  frozen clients: {len(frozen)}, disconnected {stalled:.0f}")
    print(f"  frames a read {histogram.sum() / max(1, sum(each['chunks'] for each in seen)):.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--symbols", type=int, default=10)
    parser.add_argument("--channels", default="tick,bar")
    parser.add_argument("--windows", default="", help="names of windows, separated by commas; else all")
    parser.add_argument("--rate", type=float, default=2000)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--frozen", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2, help="processes that the clients share")
    options = parser.parse_args()
    with LocalKafka() as kafka, ExitStack() as end:
        create_topics(KafkaSettings(bootstrap_servers=kafka.bootstrap_servers), plan_topics(load_settings()))
        broker = next(each.pid for each in psutil.net_connections("tcp") if each.laddr[1:] == (kafka.port,))
        measure(options, kafka.bootstrap_servers, int(broker or 0), end)


if __name__ == "__main__":
    main()
