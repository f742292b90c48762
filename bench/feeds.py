"""Ticks a second from a vendor's socket into Kafka, acknowledged, beside a plain client in the same run.

python -m bench.feeds --ticks 500000

The server that plays the vendor is a process of its own and sends as fast as it is read: trades of Massive packed by
the hundred, those of Binance, Finage and FMP one a frame, as the vendors do. Alpha Vantage is not here: its calls are
counted by the day.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from mdstream.config import KafkaSettings
from mdstream.embedded import LocalKafka
from mdstream.feeds import TickProducer, pump
from mdstream.feeds.websocket import BinanceVendor, FinageVendor, FmpVendor, MassiveVendor, Vendor, WebSocketFeed
from mdstream.schemas import DEAD_LETTER, TICK

SYMBOLS = tuple(f"SYM{number:03d}" for number in range(100))
_PACKED = 100
_PLAIN_TOPIC = "plain_ticks"


def _binance(number: int, micros: int) -> dict[str, object]:
    trade = {"e": "trade", "s": SYMBOLS[number % 100], "t": number, "p": "61837.63000000", "q": "0.02", "T": micros}
    return {"stream": "x@trade", "data": trade}


def _finage(number: int, micros: int) -> dict[str, object]:
    millis = micros // 1000
    return {"s": SYMBOLS[number % 100], "p": 163.58, "c": [37], "v": 1 + number % 500, "dp": False, "t": millis}


def _fmp(number: int, micros: int) -> dict[str, object]:
    return {
        "s": SYMBOLS[number % 100].lower(), "t": micros * 1000, "type": "T", "ap": None, "as": None, "bp": None,
        "bs": None, "lp": 149.12, "ls": 1 + number % 500,
    }  # fmt: skip


def _massive(number: int, micros: int) -> dict[str, object]:
    return {
        "ev": "T", "sym": SYMBOLS[number % 100], "x": 4, "i": str(number), "z": 3, "p": 114.125, "s": 100,
        "c": [0, 12], "t": micros // 1000, "q": number,
    }  # fmt: skip


VENDORS: dict[str, tuple[Callable[[str], Vendor], Callable[[int, int], dict[str, object]], int]] = {
    "massive": (lambda url: MassiveVendor(SecretStr("key"), url), _massive, _PACKED),
    "binance": (BinanceVendor, _binance, 1),
    "finage": (lambda url: FinageVendor(url, SecretStr("key")), _finage, 1),
    "fmp": (lambda url: FmpVendor(SecretStr("key"), url), _fmp, 1),
}
"""How each is opened, its trades by number and epoch microseconds, and how many of them are in a frame."""


def frames_of(vendor: str, ticks: int) -> list[bytes]:
    _, make, packed = VENDORS[vendor]
    now = time.time_ns() // 1000
    return [frame([make(number, now) for number in range(first, first + packed)]) for first in range(0, ticks, packed)]


def frame(trades: list[dict[str, object]]) -> bytes:
    """Return trades as the vendor sends them: packed in an array, or one alone."""
    return orjson.dumps(trades if len(trades) > 1 else trades[0])


async def let_in(vendor: str, socket: ServerConnection) -> None:
    """Take a client's greeting and its subscription."""
    await socket.recv()
    if socket.request and "plain" in socket.request.path:
        return
    if vendor == "massive":
        await socket.send(b'[{"ev":"status","status":"auth_success","message":"authenticated"}]')
        await socket.recv()
    elif vendor == "fmp":
        await socket.send(b'{"event":"login","status":200,"message":"Authenticated"}')
        await socket.recv()


def serve_vendor(handle: Callable[[ServerConnection], Awaitable[None]], address: Connection) -> None:
    """Let `handle` talk with whoever connects, on a port that is sent to `address`, until the process is ended."""

    async def main() -> None:
        async with serve(handle, "127.0.0.1", 0, compression=None) as server:
            address.send(next(iter(server.sockets)).getsockname()[1])
            await asyncio.Event().wait()

    asyncio.run(main())


def play_vendor(vendor: str, ticks: int, address: Connection) -> None:
    frames = frames_of(vendor, ticks)

    async def handle(socket: ServerConnection) -> None:
        await let_in(vendor, socket)
        for each in frames:
            await socket.send(each)
        await socket.wait_closed()

    serve_vendor(handle, address)


async def through_feed(vendor: Vendor, settings: KafkaSettings, ticks: int) -> tuple[float, float]:
    """Return ticks a second and cores."""
    feed, producer = WebSocketFeed(vendor), TickProducer(settings, vendor.name)
    started, cpu = time.perf_counter(), time.process_time()
    pumping = asyncio.create_task(pump(feed, producer, symbols=SYMBOLS))
    while producer.counts.acknowledged < ticks:
        await asyncio.sleep(0.01)
    seconds = time.perf_counter() - started
    cores = (time.process_time() - cpu) / seconds
    await feed.close()
    await pumping
    return ticks / seconds, cores


async def plainly(url: str, settings: KafkaSettings, ticks: int) -> tuple[float, float]:
    """Read, decode and produce without checks, time stamps or care for what fails."""
    acknowledged = 0

    def on_delivery(*_: object) -> None:
        nonlocal acknowledged
        acknowledged += 1

    producer = Producer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "linger.ms": settings.linger_ms,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 2_000_000,
        }
    )
    started, cpu = time.perf_counter(), time.process_time()
    async with connect(f"{url}/plain") as socket:
        await socket.send("subscribe")
        sent = 0
        while sent < ticks:
            events = orjson.loads(await socket.recv(decode=False))
            for event in events if isinstance(events, list) else [events]:
                producer.produce(_PLAIN_TOPIC, orjson.dumps(event), on_delivery=on_delivery)
                sent += 1
            producer.poll(0)
    producer.flush()
    seconds = time.perf_counter() - started
    return acknowledged / seconds, (time.process_time() - cpu) / seconds


def create_topics(settings: KafkaSettings, *names: str) -> None:
    admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers})
    for made in admin.create_topics([NewTopic(name, 2, 1) for name in names]).values():
        made.result()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ticks", type=int, default=500_000)
    ticks = parser.parse_args().ticks
    spawn = multiprocessing.get_context("spawn")
    with LocalKafka() as kafka:
        settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
        create_topics(settings, str(TICK.topic), str(DEAD_LETTER.topic), _PLAIN_TOPIC)
        print("| feed | ticks/s | cores | plain, ticks/s | cores | ratio |\n| --- | --- | --- | --- | --- | --- |")
        for name, (vendor, _, _) in VENDORS.items():
            ours, theirs = spawn.Pipe()
            server = spawn.Process(target=play_vendor, args=(name, ticks, theirs), daemon=True)
            server.start()
            url = f"ws://127.0.0.1:{ours.recv()}"
            rate, cores = asyncio.run(through_feed(vendor(url), settings, ticks))
            plain_rate, plain_cores = asyncio.run(plainly(url, settings, ticks))
            server.terminate()
            server.join()
            ratio = rate / plain_rate
            print(f"| {name} | {rate:,.0f} | {cores:.2f} | {plain_rate:,.0f} | {plain_cores:.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
