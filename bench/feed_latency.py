"""From the moment a vendor sends a trade to Kafka's acknowledgement of its tick, at a steady rate.

python -m bench.feed_latency --rate 10000 --seconds 30

The server that plays the vendor is a process of its own; a trade's time is when it was sent. Massive and Finage tell it
in whole milliseconds, rounded down, so theirs may be up to one too long. A frame that is sent late, because the server
was, is not counted as late. An acknowledgement is timed when librdkafka tells it, which is asked twice a millisecond.
The first vendor is measured twice and counts once: before that Kafka's Java is cold.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import time
from multiprocessing.connection import Connection

import numpy as np
import orjson
from confluent_kafka import KafkaError, Message
from websockets.asyncio.server import ServerConnection

from bench.feeds import SYMBOLS, VENDORS, create_topics, frame, let_in, serve_vendor
from mdstream.config import KafkaSettings
from mdstream.embedded import LocalKafka
from mdstream.feeds import TickProducer, pump
from mdstream.feeds.websocket import Vendor, WebSocketFeed
from mdstream.kafka.producing import Client, Headers, OnDelivery, Outbox
from mdstream.schemas import DEAD_LETTER, TICK

_WARM_UP_SHARE = 0.2
_BURST_SECONDS = 0.001
_ASK_SECONDS = 0.0005


def play_vendor(vendor: str, rate: float, ticks: int, address: Connection) -> None:
    _, make, packed = VENDORS[vendor]

    async def handle(socket: ServerConnection) -> None:
        await let_in(vendor, socket)
        started, sent = time.perf_counter(), 0
        while sent < ticks:
            due = min(ticks, int((time.perf_counter() - started) * rate))
            while sent + packed <= due:
                now = time.time_ns() // 1000
                await socket.send(frame([make(number, now) for number in range(sent, sent + packed)]))
                sent += packed
            await asyncio.sleep(_BURST_SECONDS)
        await socket.wait_closed()

    serve_vendor(handle, address)


class TimedOutbox(Outbox):
    """Keeps each tick and when Kafka had it, in epoch microseconds."""

    def __init__(self, settings: KafkaSettings) -> None:
        super().__init__(settings)
        self.acknowledged: list[tuple[bytes, float]] = []

    def put(
        self, topic: str, value: bytes, key: str | None, on_delivery: OnDelivery, headers: Headers | None = None
    ) -> bool:
        handed_over = time.time_ns() / 1000

        def delivered(error: KafkaError | None, message: Message) -> None:
            on_delivery(error, message)
            self.acknowledged.append((value, handed_over + (message.latency() or 0.0) * 1e6))

        return super().put(topic, value, key, delivered, headers)


class TimedProducer(TickProducer):
    def _open(self, settings: KafkaSettings, _: Client | None) -> Outbox:
        outbox = TimedOutbox(settings)
        self.acknowledged = outbox.acknowledged
        return outbox


async def measure(vendor: Vendor, settings: KafkaSettings, ticks: int) -> tuple[list[float], float]:
    """Return each tick's milliseconds, in the order of acknowledgement, and the cores that were busy."""
    feed, producer = WebSocketFeed(vendor), TimedProducer(settings, vendor.name)
    pumping = asyncio.create_task(pump(feed, producer, symbols=SYMBOLS))
    while not feed.counts.ticks:
        await asyncio.sleep(0.01)
    started, cpu = time.perf_counter(), time.process_time()
    while producer.counts.acknowledged < ticks:
        producer.poll()
        await asyncio.sleep(_ASK_SECONDS)
    cores = (time.process_time() - cpu) / (time.perf_counter() - started)
    await feed.close()
    await pumping
    return [(at - orjson.loads(value)["event_time"]) / 1000 for value, at in producer.acknowledged], cores


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=10_000.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    arguments = parser.parse_args()
    ticks = round(arguments.rate * arguments.seconds / 100) * 100
    spawn = multiprocessing.get_context("spawn")
    with LocalKafka() as kafka:
        settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
        create_topics(settings, str(TICK.topic), str(DEAD_LETTER.topic))
        print(f"{arguments.rate:,.0f} ticks/s for {arguments.seconds:g} s; the first fifth is warm-up\n")
        print("| feed | p50 ms | p95 ms | p99 ms | max ms | cores |\n| --- | --- | --- | --- | --- | --- |")

        def measured(vendor: str) -> tuple[list[float], float]:
            ours, theirs = spawn.Pipe()
            server = spawn.Process(target=play_vendor, args=(vendor, arguments.rate, ticks, theirs), daemon=True)
            server.start()
            url = f"ws://127.0.0.1:{ours.recv()}"
            found = asyncio.run(measure(VENDORS[vendor][0](url), settings, ticks))
            server.terminate()
            server.join()
            return found

        measured(next(iter(VENDORS)))
        for vendor in VENDORS:
            latencies, cores = measured(vendor)
            settled = np.array(latencies[int(len(latencies) * _WARM_UP_SHARE) :])
            p50, p95, p99 = np.percentile(settled, (50, 95, 99))
            print(f"| {vendor} | {p50:.1f} | {p95:.1f} | {p99:.1f} | {settled.max():.1f} | {cores:.2f} |")


if __name__ == "__main__":
    main()
