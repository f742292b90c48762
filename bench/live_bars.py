"""Latency and catch-up rate of `mdstream run live_bars`, on a real Kafka, beside a plain loop in the same run.

python -m bench.live_bars latency --rate 1000 --rate 10000 --seconds 660 --warm-up 330
python -m bench.live_bars latency --rate 1000 --seconds 150 --day --set MDSTREAM_SPARK__REAL_TIME_TRIGGER="1 minute"
python -m bench.live_bars copies --rate 1000 --seconds 180 --set MDSTREAM_SPARK__REAL_TIME_TRIGGER="1 minute"
python -m bench.live_bars catch-up --ticks 2000000 --window 1min
python -m bench.live_bars catch-up --ticks 2000000
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.watch import LatencyWatch, end_of, percentiles
from mdstream.config import load_settings
from mdstream.embedded import LocalServers
from mdstream.schemas import BAR, TICK, BarWindow
from mdstream.streaming.kafka import topic_of

_DAY_OF_TICKS = ("--count", "144000", "--span", "86400")
"""A tick a minute for each symbol: the state of a day, which is how late a tick may be."""
_PLAIN_TOPIC = "plain_bars"
_CHECKPOINT = "MDSTREAM_SPARK__CHECKPOINT_LOCATION"


class Stage:
    """Servers, topics and the environment that the measured processes run in."""

    def __init__(self, servers: LocalServers, windows: Sequence[str], extra: dict[str, str], folder: Path) -> None:
        lengths = [BarWindow.parse(name) for name in windows]
        self.servers = servers.kafka.bootstrap_servers
        self.lengths = [str(window.seconds) for window in lengths]
        self.environment = {
            **os.environ,
            **servers.environment(),
            "MDSTREAM_WINDOW_CONFIGURATIONS": json.dumps([{"name": w.name, "duration": w.seconds} for w in lengths]),
            _CHECKPOINT: str(folder),
            **extra,
        }
        subprocess.run([sys.executable, "-m", "mdstream", "topics", "create"], env=self.environment, check=True)

    def contestants(self) -> list[tuple[str, tuple[str, ...], str]]:
        """Return name, command and output topic of each process that is measured."""
        plain = ("bench.plain_loop", self.servers, topic_of(TICK), _PLAIN_TOPIC, *self.lengths)
        return [
            ("mdstream live_bars", ("mdstream", "run", "live_bars"), topic_of(BAR)),
            ("plain loop", plain, _PLAIN_TOPIC),
        ]

    @contextmanager
    def running(self, *command: str, **environment: str) -> Iterator[psutil.Process]:
        process = subprocess.Popen([sys.executable, "-m", *command], env={**self.environment, **environment})
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(60)

    def records(self, topic: str) -> int:
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "count"})
        try:
            return sum(
                end_of(consumer, topic, n) for n in consumer.list_topics(topic, timeout=10).topics[topic].partitions
            )
        finally:
            consumer.close()

    def wait_until_idle(self, topic: str) -> None:
        before = -1
        while (now := self.records(topic)) != before:
            before = now
            time.sleep(2)

    def load(self, *options: str) -> None:
        subprocess.run([sys.executable, "-m", "bench.ticks", self.servers, topic_of(TICK), *options], check=True)


def cpu_seconds(process: psutil.Process) -> float:
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(t.user + t.system for t in times))


def measure_latency(
    stage: Stage, rates: Sequence[float], seconds: float, *, warm_up: float, first: Sequence[str]
) -> None:
    print("| what | ticks/s | p50 / p95 / p99 / p99.9 / max ms | cores | records |\n| --- | --- | --- | --- | --- |")
    # The plain loop would otherwise begin with all that the job was sent.
    for name, command, topic in reversed(stage.contestants()):
        with stage.running(*command) as process:
            if first:
                stage.load(*first)
            stage.load("--rate", "10000", "--seconds", str(warm_up if "mdstream" in name else 30))
            stage.wait_until_idle(topic)
            for rate in rates:
                watch = LatencyWatch(stage.servers, topic)
                before = cpu_seconds(process)
                stage.load("--rate", str(rate), "--seconds", str(seconds if "mdstream" in name else 30))
                cores = (cpu_seconds(process) - before) / (seconds if "mdstream" in name else 30)
                time.sleep(2)
                seen, late = watch.stop()
                print(f"| {name} | {rate:g} | {percentiles(late)} | {cores:.2f} | {len(late):,} |", flush=True)
                _print_pauses(seen, late)


def measure_copies(stage: Stage, rates: Sequence[float], seconds: float, *, warm_up: float, apart: float) -> None:
    """Measure two copies of the job whose batches end at different times: whichever is first counts."""
    name, command, topic = stage.contestants()[0]
    own_checkpoint = {_CHECKPOINT: f"{stage.environment[_CHECKPOINT]}/copy"}
    print("| what | ticks/s | p50 / p95 / p99 / p99.9 / max ms | cores |\n| --- | --- | --- | --- |")
    with stage.running(*command) as one:
        time.sleep(apart)
        with stage.running(*command, **own_checkpoint) as other:
            stage.load("--rate", "5000", "--seconds", str(warm_up))
            stage.wait_until_idle(topic)
            for rate in rates:
                watch = LatencyWatch(stage.servers, topic)
                before = cpu_seconds(one) + cpu_seconds(other)
                stage.load("--rate", str(rate), "--seconds", str(seconds))
                cores = (cpu_seconds(one) + cpu_seconds(other) - before) / seconds
                time.sleep(2)
                seen, late = watch.stop()
                first = watch.first_of_each()
                print(f"| {name}, two copies | {rate:g} | {percentiles(late[first])} | {cores:.2f} |", flush=True)
                _print_pauses(seen[first], late[first])


def _print_pauses(seen: npt.NDArray[np.int64], late: npt.NDArray[np.float64]) -> None:
    """Print the seconds with the worst latency: the batch boundaries, if anything."""
    if not len(seen):
        return
    second = (seen - seen[0]) // 1_000_000
    worst = {int(s): float(late[second == s].max()) for s in np.unique(second[late > 100])}
    if worst:
        print("  above 100 ms: " + ", ".join(f"{s} s: {ms:.0f} ms" for s, ms in worst.items()), flush=True)


def measure_catch_up(stage: Stage, ticks: int) -> None:
    stage.load("--count", str(ticks))
    print("| what | windows | ticks/s | cores |\n| --- | --- | --- | --- |")
    for name, command, topic in stage.contestants():
        with stage.running(*command) as process:
            rates, cores = catch_up(stage, topic, ticks, partial(cpu_seconds, process))
            print(f"| {name} | {len(stage.lengths)} | {rates} | {cores:.2f} |", flush=True)


def catch_up(stage: Stage, topic: str, ticks: int, used: Callable[[], float]) -> tuple[str, float]:
    """Wait until all ticks are in bars; return the rates, and the cores that were busy in the second half."""
    per_tick = len(stage.lengths)
    wanted = ticks * per_tick
    marks: list[tuple[float, float, int]] = []
    while not marks or marks[-1][2] < wanted * 0.999:
        done = stage.records(topic)
        if done > 0:
            marks.append((time.perf_counter(), used(), done))
        time.sleep(0.25)
    first, last = marks[0], marks[-1]
    middle = next(mark for mark in marks if mark[2] >= wanted / 2)
    whole = (last[2] - first[2]) / per_tick / (last[0] - first[0])
    warm = (last[2] - middle[2]) / per_tick / (last[0] - middle[0])
    return f"{whole:,.0f}; second half {warm:,.0f}", (last[1] - middle[1]) / (last[0] - middle[0])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["latency", "copies", "catch-up"])
    parser.add_argument("--rate", type=float, action="append")
    parser.add_argument("--seconds", type=float, default=660)
    parser.add_argument(
        "--warm-up", type=float, default=90, help="seconds; more than spark.real_time_trigger: one batch boundary in it"
    )
    parser.add_argument("--day", action="store_true", help="fill the state with a day of bars before")
    parser.add_argument("--apart", type=float, default=30, help="seconds between the starts of two copies")
    parser.add_argument("--ticks", type=int, default=2_000_000)
    parser.add_argument("--window", action="append")
    parser.add_argument("--set", action="append", default=[], help="NAME=VALUE, an environment variable of the jobs")
    options = parser.parse_args()
    windows = options.window or [window.name for window in load_settings().windows]
    with LocalServers() as servers, tempfile.TemporaryDirectory(prefix="mdstream-bench-") as folder:
        stage = Stage(servers, windows, dict(each.split("=", 1) for each in options.set), Path(folder))
        new_topic = NewTopic(_PLAIN_TOPIC, 2, 1)
        admin = AdminClient({"bootstrap.servers": stage.servers})
        admin.create_topics([new_topic])[_PLAIN_TOPIC].result()
        if options.what == "copies":
            measure_copies(stage, options.rate or [1000], options.seconds, warm_up=options.warm_up, apart=options.apart)
        elif options.what == "latency":
            first = _DAY_OF_TICKS if options.day else ()
            rates = options.rate or [1000, 10_000]
            measure_latency(stage, rates, options.seconds, warm_up=options.warm_up, first=first)
        else:
            measure_catch_up(stage, options.ticks)


if __name__ == "__main__":
    main()
