"""Ticks and the bars of three windows at a steady rate, straight into their topics.

python -m bench.market BOOTSTRAP_SERVERS --rate 2000 --until MICROSECONDS

What makes bars in earnest adds its own delay, which `bench.live_bars` measures. At the end each symbol has one more
tick, with exactly the ingest time that `--until` says.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from confluent_kafka import Producer

from bench.plain_loop import revise
from bench.ticks import send, symbols_of, tick_of
from mdstream.config import load_settings
from mdstream.schemas import BAR, TICK, BarWindow

_PACE_SECONDS = 0.002
_SYMBOLS = symbols_of()


class Market:
    """Makes ticks and revises their bars."""

    def __init__(self, producer: Producer, windows: tuple[BarWindow, ...]) -> None:
        self._producer = producer
        self._windows = windows
        self._bars: dict[tuple[str, int, int], dict[str, Any]] = {}

    def trade(self, number: int, now: int) -> None:
        tick = tick_of(number, now, _SYMBOLS)
        send(self._producer, TICK.topic_name, tick)
        for window in self._windows:
            bar = revise(self._bars, tick, window.seconds) | {"window": window.name}
            send(self._producer, BAR.topic_name, bar)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("servers")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--until", type=int, required=True, help="epoch microseconds")
    options = parser.parse_args()
    producer = Producer({"bootstrap.servers": options.servers, "linger.ms": 0.5, "compression.type": "lz4"})
    market = Market(producer, load_settings().windows)
    start, number = time.time(), 0
    while (now := time.time_ns() // 1000) < options.until:
        for each in range(number, int((now / 1e6 - start) * options.rate)):
            market.trade(each, time.time_ns() // 1000)
            number = each + 1
        producer.poll(0)
        time.sleep(_PACE_SECONDS)
    for each in range(number, number + len(_SYMBOLS)):
        market.trade(each, options.until)
    producer.flush()
    print(number + len(_SYMBOLS))


if __name__ == "__main__":
    main()
