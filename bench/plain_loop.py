"""What the live path is measured against: a plain consumer that keeps bars in a dict and produces their revisions.

It recovers nothing, checks nothing and knows no conditions: the floor that Python and librdkafka leave.

    python -m bench.plain_loop BOOTSTRAP_SERVERS IN_TOPIC OUT_TOPIC WINDOW_SECONDS...
"""

from __future__ import annotations

import signal
import sys
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer

from bench.ticks import send
from bench.watch import arrived


def revise(bars: dict[tuple[str, int, int], dict[str, Any]], tick: dict[str, Any], seconds: int) -> dict[str, Any]:
    length = seconds * 1_000_000
    start = tick["event_time"] - tick["event_time"] % length
    price, size = tick["price"], tick["size"]
    key = (tick["symbol"], seconds, start)
    bar = bars.get(key)
    if bar is None:
        bar = bars[key] = {
            "symbol": tick["symbol"], "window": str(seconds), "window_start": start, "window_end": start + length,
            "open": price, "high": price, "low": price, "volume": 0, "notional": 0.0, "trade_count": 0,
        }  # fmt: skip
    bar["high"] = max(bar["high"], price)
    bar["low"] = min(bar["low"], price)
    bar["close"] = price
    bar["volume"] += size
    bar["notional"] += price * size
    bar["vwap"] = bar["notional"] / bar["volume"]
    bar["trade_count"] += 1
    bar["last_event_time"] = tick["event_time"]
    bar["last_ingest_time"] = tick["ingest_time"]
    return bar


def main() -> None:
    servers, source, target, *windows = sys.argv[1:]
    running = True

    def stop(*_: object) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "plain-loop",
            "auto.offset.reset": "earliest",
            "fetch.queue.backoff.ms": 10,
            "fetch.wait.max.ms": 10,
        }
    )
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 0.5, "compression.type": "lz4"})
    consumer.subscribe([source])
    bars: dict[tuple[str, int, int], dict[str, Any]] = {}
    lengths = [int(window) for window in windows]
    while running:
        for message in arrived(consumer):
            tick = orjson.loads(message.value() or b"{}")
            for seconds in lengths:
                send(producer, target, revise(bars, tick, seconds))
        producer.poll(0)
    producer.flush()
    consumer.close()


if __name__ == "__main__":
    main()
