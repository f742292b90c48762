"""Raises the rate of ticks until live bars fall behind, and says what that costs and how long it takes to recover.

python -m bench.load --symbols 100 --symbols 10000
python -m bench.load --symbols 10000 --rate 5000 --rate 20000 --seconds 30
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from confluent_kafka import Consumer, Message, TopicPartition
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from bench.live_bars import Stage, cpu_seconds
from bench.watch import end_of, percentiles
from mdstream.config import load_settings
from mdstream.embedded import LocalServers
from mdstream.schemas import BAR, TICK

_RATES = (5_000, 10_000, 15_000, 20_000, 25_000, 30_000, 40_000)
_WARM_RATE = 10_000
_STILL_SECONDS = 3.0
_BEHIND_SECONDS = 3.0
"""Live bars that need longer than this for what is left when the load ends were behind."""
_LOOK_SECONDS = 0.1
_MEGABYTE = 1 << 20


@dataclass
class Step:
    """What was seen at one rate.

    Attributes:
        rate: Ticks a second that were asked for.
        sent: Ticks that were sent.
        seconds: How long that took.
        begin: When it began, in epoch milliseconds.
        end: When its last tick was sent.
        cores: Of the live engine meanwhile.
        memory: Of the live engine behind it, in MB.
        drained: Seconds from the last tick to the last bar.
        latencies: Of each record of the first window, from its newest tick to the broker, in ms.
    """

    rate: float
    sent: int
    seconds: float
    begin: int
    end: int
    cores: float
    memory: float
    drained: float
    latencies: list[float] = field(default_factory=list)

    def row(self) -> str:
        late = np.array(self.latencies)
        cells = (f"{self.rate:,.0f}", f"{self.sent / self.seconds:,.0f}", percentiles(late), f"{self.cores:.2f}",
                 f"{self.memory:,.0f}", f"{self.drained:.1f}")  # fmt: skip
        return f"| {' | '.join(cells)} |"


class Load:
    """The live engine under a load that grows.

    Args:
        stage: Its servers and environment.
        symbols: How many symbols there are.
        seconds: How long each rate lasts.
    """

    def __init__(self, stage: Stage, symbols: int, seconds: float) -> None:
        self._stage = stage
        self._symbols = symbols
        self._seconds = seconds
        self._sent = 0
        self._consumer = Consumer({"bootstrap.servers": stage.servers, "group.id": "load", "enable.auto.commit": False})
        topic = self._consumer.list_topics(BAR.topic_name, timeout=10).topics[BAR.topic_name]
        self._partitions = sorted(topic.partitions)

    def raise_until_behind(self, rates: Sequence[float], warm_up: float) -> list[Step]:
        with self._stage.running("mdstream", "run", "live_bars") as engine:
            self._send(100, 1)
            while not any(self._ends()):
                time.sleep(_LOOK_SECONDS)
            self._send(_WARM_RATE, warm_up)
            self._drain()
            steps: list[Step] = []
            for rate in rates:
                steps.append(self._step(engine, rate))
                if steps[-1].drained > _BEHIND_SECONDS:
                    break
        return steps

    def note_latencies(self, steps: Sequence[Step], window: str) -> int:
        """Read all bars once: add their latencies to the steps, and return how many ticks are in none."""
        counts: Counter[tuple[bytes, bytes]] = Counter()
        wanted = f'"window":"{window}"'.encode()
        for message in self._records():
            value = message.value() or b""
            if wanted not in value:
                continue
            symbol = value[: value.index(b",")]
            counts[symbol, _number(value, b'"window_start":')] = int(_number(value, b'"trade_count":'))
            arrived, ingested = message.timestamp()[1], int(_number(value, b'"last_ingest_time":')) / 1_000
            for step in steps:
                if step.begin <= ingested <= step.end:
                    step.latencies.append(arrived - ingested)
        self._consumer.close()
        return self._sent - sum(counts.values())

    def _step(self, engine: psutil.Process, rate: float) -> Step:
        used, began, begin = cpu_seconds(engine), time.monotonic(), time.time_ns() // 1_000_000
        sent = self._send(rate, self._seconds)
        seconds, end = time.monotonic() - began, time.time_ns() // 1_000_000
        cores = (cpu_seconds(engine) - used) / seconds
        processes = [engine, *engine.children(recursive=True)]
        drained = self._drain()
        memory = sum(process.memory_info().rss for process in processes) / _MEGABYTE
        return Step(rate, sent, seconds, begin, end, cores, memory, drained)

    def _send(self, rate: float, seconds: float) -> int:
        command = [sys.executable, "-m", "bench.ticks", self._stage.servers, TICK.topic_name, "--symbols"]
        command += [str(self._symbols), "--rate", str(rate), "--seconds", str(seconds)]
        sent = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        self._sent += sent
        return sent

    def _drain(self) -> float:
        """Return how long bars still came."""
        began = last = time.monotonic()
        before = self._ends()
        while time.monotonic() - last < _STILL_SECONDS:
            time.sleep(_LOOK_SECONDS)
            if (now := self._ends()) != before:
                before, last = now, time.monotonic()
        return last - began

    def _ends(self) -> list[int]:
        return [end_of(self._consumer, BAR.topic_name, partition) for partition in self._partitions]

    def _records(self) -> Iterator[Message]:
        """Yield all bars, each partition in its order."""
        for partition, end in zip(self._partitions, self._ends(), strict=True):
            self._consumer.assign([TopicPartition(BAR.topic_name, partition, 0)])
            place = 0
            while place < end:
                for message in self._consumer.consume(5_000, 10):
                    place = (message.offset() or 0) + 1
                    yield message


def _number(value: bytes, name: bytes) -> bytes:
    begin = value.index(name) + len(name)
    end = begin
    while end < len(value) and value[end] not in b",}":
        end += 1
    return value[begin:end]


def _let_the_broker_stamp(servers: str) -> None:
    resource = ConfigResource(
        ConfigResourceType.TOPIC, BAR.topic_name, configs={"message.timestamp.type": "LogAppendTime"}
    )
    with KafkaAdminClient(bootstrap_servers=servers) as admin:
        admin.alter_configs([resource])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, action="append")
    parser.add_argument("--rate", type=float, action="append")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--warm-up", type=float, default=90)
    options = parser.parse_args()
    windows = [window.name for window in load_settings().windows]
    for symbols in options.symbols or [100, 10_000]:
        with LocalServers() as servers, tempfile.TemporaryDirectory(prefix="mdstream-bench-") as folder:
            stage = Stage(servers, windows, {}, Path(folder))
            _let_the_broker_stamp(stage.servers)
            load = Load(stage, symbols, options.seconds)
            steps = load.raise_until_behind(options.rate or _RATES, options.warm_up)
            missing = load.note_latencies(steps, windows[0])
            print(f"\n{symbols:,} symbols, windows {', '.join(windows)}\n")
            print("| asked ticks/s | sent | p50 / p95 / p99 / p99.9 / max ms | cores | MB | drained in s |")
            print("| ---: | ---: | --- | ---: | ---: | ---: |")
            print("\n".join(step.row() for step in steps))
            print(f"\nticks in no bar: {missing}", flush=True)


if __name__ == "__main__":
    main()
