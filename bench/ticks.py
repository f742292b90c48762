"""Loads Kafka with ticks: at a steady rate, each stamped when it is sent, or as many as fit at once.

python -m bench.ticks BOOTSTRAP_SERVERS TOPIC --rate 1000 --seconds 60 --symbols 500
python -m bench.ticks BOOTSTRAP_SERVERS TOPIC --count 2000000
python -m bench.ticks BOOTSTRAP_SERVERS TOPIC --count 144000 --span 86400
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import orjson
from confluent_kafka import Producer

_SYMBOLS = 100
_PACE_SECONDS = 0.002


def symbols_of(count: int = _SYMBOLS) -> tuple[str, ...]:
    return tuple(f"SYM{number:03d}" for number in range(count))


def tick_of(number: int, now: int, symbols: Sequence[str]) -> dict[str, Any]:
    return {
        "symbol": symbols[number * 7919 % len(symbols)],
        "price": 100 + number % 977 / 100,
        "size": 1.0 + number % 500,
        "event_time": now,
        "ingest_time": now,
        "source": "bench",
        "exchange": "Q",
        "trade_id": str(number),
        "sequence": number,
        "conditions": ["@"],
    }


def send(producer: Producer, topic: str, record: dict[str, Any]) -> None:
    """Hand a record of its symbol over, waiting while the queue is full."""
    value = orjson.dumps(record)
    while True:
        try:
            return producer.produce(topic, value, record["symbol"])
        except BufferError:
            producer.poll(0.05)


def send_steadily(producer: Producer, topic: str, rate: float, seconds: float, symbols: Sequence[str]) -> int:
    start, sent = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds:
        for number in range(sent, int(elapsed * rate)):
            send(producer, topic, tick_of(number, time.time_ns() // 1000, symbols))
            sent = number + 1
        producer.poll(0)
        time.sleep(_PACE_SECONDS if rate > 500 else 1 / rate)
    producer.flush()
    return sent


def send_at_once(producer: Producer, topic: str, count: int, span: float, symbols: Sequence[str]) -> int:
    """Send ticks whose event times fill the last `span` seconds."""
    step = round(span * 1_000_000 / count)
    first = time.time_ns() // 1000 - count * step
    for number in range(count):
        send(producer, topic, tick_of(number, first + number * step, symbols))
        if number % 10_000 == 0:
            producer.poll(0)
    producer.flush()
    return count


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("servers")
    parser.add_argument("topic")
    parser.add_argument("--rate", type=float)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--count", type=int)
    parser.add_argument("--span", type=float, help="seconds of event time that --count ticks cover")
    parser.add_argument("--symbols", type=int, default=_SYMBOLS)
    options = parser.parse_args()
    symbols = symbols_of(options.symbols)
    producer = Producer(
        {
            "bootstrap.servers": options.servers,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 20 if options.count else 0.5,
            "compression.type": "lz4",
        }
    )
    if options.count:
        span = options.span or options.count / 20_000
        print(send_at_once(producer, options.topic, options.count, span, symbols))
    else:
        print(send_steadily(producer, options.topic, options.rate, options.seconds, symbols))


if __name__ == "__main__":
    main()
