"""Loads an HTTP server from a process of its own, and prints what it saw as JSON.

    python -m bench.http_load PORT SECONDS PATH... [--connections 32] [--rate 1000]

With a rate, requests are due at fixed times and latency is taken from then, so that a server that falls behind cannot
slow its own load down. Without, each connection asks as soon as it is answered.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections import deque
from collections.abc import Iterator

import numpy as np
import uvloop

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


class _Connection(asyncio.Protocol):
    """Asks one request after another."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._transport: asyncio.Transport
        self._received = b""
        self._due = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._load.is_free(self)

    def ask(self, request: bytes, due: float) -> None:
        self._due = due
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_HEAD_END)
        if not end:
            return
        length = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._received = b""
        self._load.answered(head[9:12], time.perf_counter() - self._due)
        self._load.is_free(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._load.lost += not self._load.is_over


class _Load:
    def __init__(self, requests: Iterator[bytes], rate: float | None) -> None:
        self._requests = requests
        self._rate = rate
        self._free: deque[_Connection] = deque()
        self._due: deque[float] = deque()
        self.latencies: list[float] = []
        self.failed = 0
        self.lost = 0
        self.is_over = False

    def is_free(self, connection: _Connection) -> None:
        if self._rate is None:
            if not self.is_over:
                connection.ask(next(self._requests), time.perf_counter())
        elif self._due:
            connection.ask(next(self._requests), self._due.popleft())
        else:
            self._free.append(connection)

    def answered(self, status: bytes, seconds: float) -> None:
        self.latencies.append(seconds)
        self.failed += status != b"200"

    async def run(self, seconds: float) -> None:
        begun = time.perf_counter()
        sent = 0
        while (now := time.perf_counter()) < begun + seconds:
            while self._rate is not None and begun + sent / self._rate <= now:
                due = begun + sent / self._rate
                sent += 1
                if self._free:
                    self._free.popleft().ask(next(self._requests), due)
                else:
                    self._due.append(due)
            await asyncio.sleep(0.0005)
        self.is_over = True


async def _measure(arguments: argparse.Namespace) -> dict[str, float]:
    head = f" HTTP/1.1\r\nHost: 127.0.0.1:{arguments.port}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n"
    requests = itertools.cycle([f"GET {path}{head}".encode() for path in arguments.paths])
    load = _Load(requests, arguments.rate)
    loop = asyncio.get_running_loop()
    for _ in range(arguments.connections):
        await loop.create_connection(lambda: _Connection(load), "127.0.0.1", arguments.port)
    begun = time.perf_counter()
    await load.run(arguments.seconds)
    p50, p99, most = np.percentile(load.latencies, (50, 99, 100)) * 1000
    return {
        "requests_per_second": len(load.latencies) / (time.perf_counter() - begun),
        "p50_ms": p50,
        "p99_ms": p99,
        "max_ms": most,
        "failed": load.failed + load.lost,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rate", type=float)
    print(json.dumps(uvloop.run(_measure(parser.parse_args()))))


if __name__ == "__main__":
    main()
