"""Ticks a second from a vendor's socket into Kafka, acknowledged, beside a plain client in the same run.

python -m bench.feeds --ticks 500000

The server that plays the vendor is a process of its own and sends as fast as it is read: trades of Massive packed by
the hundred, those of Binance and Finage one a frame, as the vendors do.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from mdstream.config import KafkaSettings
from mdstream.feeds import TickProducer, pump
from mdstream.feeds.websocket import BinanceVenue, FinageVenue, MassiveVenue, Venue, WebSocketFeed
from mdstream.local import LocalKafka
from mdstream.schemas import DEAD_LETTER, TICK

SYMBOLS = tuple(f"SYM{number:03d}" for number in range(100))
_PACKED = 100
_PLAIN_TOPIC = "plain_ticks"


def _binance(number: int, now: int) -> dict[str, object]:
    trade = {"e": "trade", "s": SYMBOLS[number % 100], "t": number, "p": "61837.63000000", "q": "0.02", "T": now}
    return {"stream": "x@trade", "data": trade}


def _finage(number: int, now: int) -> dict[str, object]:
    return {"s": SYMBOLS[number % 100], "p": 163.58, "c": [37], "v": 1 + number % 500, "dp": False, "t": now}


def _massive(number: int, now: int) -> dict[str, object]:
    return {
        "ev": "T", "sym": SYMBOLS[number % 100], "x": 4, "i": str(number), "z": 3, "p": 114.125, "s": 100,
        "c": [0, 12], "t": now, "q": number,
    }  # fmt: skip


VENDORS: dict[str, tuple[Callable[[str], Venue], Callable[[int, int], dict[str, object]], int]] = {
    "massive": (lambda url: MassiveVenue(SecretStr("key"), url), _massive, _PACKED),
    "binance": (BinanceVenue, _binance, 1),
    "finage": (lambda url: FinageVenue(url, SecretStr("key")), _finage, 1),
}


def frames_of(vendor: str, ticks: int) -> list[bytes]:
    _, make, packed = VENDORS[vendor]
    now = time.time_ns() // 1_000_000
    trades = [make(number, now) for number in range(ticks)]
    if packed == 1:
        return [orjson.dumps(trade) for trade in trades]
    return [orjson.dumps(trades[first : first + packed]) for first in range(0, ticks, packed)]


def play_vendor(vendor: str, ticks: int, address: Connection) -> None:
    frames = frames_of(vendor, ticks)

    async def handle(socket: ServerConnection) -> None:
        await socket.recv()
        if vendor == "massive" and socket.request and "plain" not in socket.request.path:
            await socket.send(b'[{"ev":"status","status":"auth_success","message":"authenticated"}]')
            await socket.recv()
        for frame in frames:
            await socket.send(frame)
        await socket.wait_closed()

    async def main() -> None:
        async with serve(handle, "127.0.0.1", 0, compression=None) as server:
            address.send(next(iter(server.sockets)).getsockname()[1])
            await asyncio.Event().wait()

    asyncio.run(main())


async def through_feed(venue: Venue, settings: KafkaSettings, ticks: int) -> tuple[float, float]:
    """Return ticks a second and cores."""
    feed, producer = WebSocketFeed(venue), TickProducer(settings, venue.name)
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ticks", type=int, default=500_000)
    ticks = parser.parse_args().ticks
    spawn = multiprocessing.get_context("spawn")
    with LocalKafka() as kafka:
        settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
        topics = [NewTopic(str(name), 2, 1) for name in (TICK.topic, DEAD_LETTER.topic, _PLAIN_TOPIC)]
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
        for made in admin.create_topics(topics).values():
            made.result()
        print("| feed | ticks/s | cores | plain, ticks/s | cores | ratio |\n| --- | --- | --- | --- | --- | --- |")
        for vendor, (venue, _, _) in VENDORS.items():
            ours, theirs = spawn.Pipe()
            server = spawn.Process(target=play_vendor, args=(vendor, ticks, theirs), daemon=True)
            server.start()
            url = f"ws://127.0.0.1:{ours.recv()}"
            rate, cores = asyncio.run(through_feed(venue(url), settings, ticks))
            plain_rate, plain_cores = asyncio.run(plainly(url, settings, ticks))
            server.terminate()
            server.join()
            ratio = rate / plain_rate
            print(f"| {vendor} | {rate:,.0f} | {cores:.2f} | {plain_rate:,.0f} | {plain_cores:.2f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
