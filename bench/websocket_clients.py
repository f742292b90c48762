"""Many clients of the WebSocket server in one process, which do nothing but take the time of every frame.

They speak the protocol by hand: a library that decodes each frame would be what is measured.

    python -m bench.websocket_clients PORT COUNT --first 500 --symbols 10 --channels tick,bar

It says `ready` when all are connected and subscribed. A line of standard input, the ingest time that the very last
records will have, begins the measurement; the end of standard input ends it, and what was seen is printed as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from functools import partial
from typing import cast

import numpy as np
import orjson
import uvloop
from websockets.frames import Frame, Opcode

from bench.ticks import symbols_of

BUCKET_MS = 0.1
BUCKETS = 50_000
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
_TIME = re.compile(rb'ingest_time":(\d{16})')
_PING = re.compile(rb"\x89\x04(....)", re.DOTALL)
_BATCH = 20_000
_SYMBOLS = symbols_of()


class Tally:
    """Times of frames from all clients of this process."""

    def __init__(self) -> None:
        self.histogram = np.zeros(BUCKETS, dtype=np.int64)
        self.chunks = 0
        self.lost = 0
        self.last = b""
        self._times: list[bytes] = []
        self._arrivals: list[int] = []
        self._counts: list[int] = []

    def add(self, times: list[bytes], now: int) -> None:
        self.chunks += 1
        self._times += times
        self._arrivals.append(now)
        self._counts.append(len(times))
        if len(self._times) > _BATCH:
            self.settle()

    def start(self, last: bytes) -> None:
        self.settle()
        self.histogram[:] = 0
        self.chunks = 0
        self.last = last

    def settle(self) -> None:
        if not self._times:
            return
        late = np.repeat(self._arrivals, self._counts) - np.array(self._times).astype(np.int64)
        bucket = np.clip(late / 1000 / BUCKET_MS, 0, BUCKETS - 1).astype(np.int64)
        self.histogram += np.bincount(bucket, minlength=BUCKETS)
        self._times, self._arrivals, self._counts = [], [], []


class Client(asyncio.Protocol):
    """One connection; `last` counts frames of the very last records."""

    def __init__(self, subscription: bytes, tally: Tally) -> None:
        self.ready = asyncio.get_running_loop().create_future()
        self.last = 0
        self._subscription = subscription
        self._tally = tally
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(UPGRADE)

    def data_received(self, data: bytes) -> None:
        now = time.time_ns() // 1000
        data = self._rest + data
        if not self.ready.done():
            self._rest = data
            self._greet()
            return
        found = data.rfind(b"}}")
        end = found + 2 if found >= 0 else 0
        whole, self._rest = data[:end], data[end:]
        for payload in _PING.findall(whole):
            self._write(Opcode.PONG, payload)
        times = _TIME.findall(whole)
        self.last += times.count(self._tally.last)
        self._tally.add(times, now)

    def _greet(self) -> None:
        if self._rest.startswith(b"HTTP/1.1 101") and self._rest.endswith(b"\r\n\r\n"):
            self._write(Opcode.TEXT, self._subscription)
            self._rest = b""
        elif b"}" in self._rest and not self._rest.startswith(b"HTTP"):
            self.ready.set_result(None)

    def connection_lost(self, _: Exception | None) -> None:
        self._tally.lost += 1

    def _write(self, opcode: Opcode, payload: bytes) -> None:
        self._transport.write(Frame(opcode, payload).serialize(mask=True))


async def run(options: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    tally = Tally()
    clients = []
    for number in range(options.first, options.first + options.count):
        symbols = [_SYMBOLS[(number * 7 + step * 13) % len(_SYMBOLS)] for step in range(options.symbols)]
        wanted = {"type": "subscribe", "symbols": symbols, "channels": options.channels.split(",")}
        if options.windows:
            wanted["windows"] = options.windows.split(",")
        _, client = await loop.create_connection(
            partial(Client, orjson.dumps(wanted), tally), "127.0.0.1", options.port
        )
        clients.append(client)
        await client.ready
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        tally.start(line.strip().encode())
    tally.settle()
    seen = {"histogram": tally.histogram.tolist(), "chunks": tally.chunks, "lost": tally.lost}
    print(orjson.dumps(seen | {"last": [client.last for client in clients]}).decode(), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--symbols", type=int, default=10)
    parser.add_argument("--channels", default="tick,bar")
    parser.add_argument("--windows", default="")
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
