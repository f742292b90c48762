"""From the ingest of a tick that is a finding to its anomaly, to its indicators, and to the alert that is sent.

    python -m bench.alert_latency --rate 3000 --spikes 60

`mdstream run live_bars` and `mdstream alerts` are processes as in production, with the shipped indicators and rules
and three windows. 100 symbols trade about one price; every so often one tick of one of them lies 7 % above it, which
is a `price_spike` of the shortest window's bar. Records count when the broker has appended them, alerts when the
server in Slack's place has read them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
import orjson
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.chaos.slack import Post, Slack
from bench.live_bars import Stage, cpu_seconds
from bench.ticks import send, symbols_of
from mdstream.config import Settings
from mdstream.embedded import LocalServers
from mdstream.operations.maintain import maintain_stores
from mdstream.schemas import ANOMALY, BAR, TICK

_RULE = "price_spike"
_WINDOWS = ("5s", "1min", "5min")
_BARS_BEFORE_SECONDS = 21 * 5
_LEVEL, _SPIKE = 100.0, 107.0
_PACE_SECONDS = 0.002
_ANSWER_SECONDS = 30
_DRAIN_SECONDS = 5

Times = dict[str, list[float]]
"""Epoch milliseconds by symbol, in order."""


def trade(servers: str, rate: float, warm_up: float, spikes: int, every: float) -> Times:
    """Send ticks at a steady rate, behind the warm-up with spikes; return the ingest times of these."""
    producer = Producer({"bootstrap.servers": servers, "linger.ms": 1})
    symbols, random = symbols_of(), Random(7)
    told: Times = {}
    begin, sent, next_spike = time.perf_counter(), 0, warm_up
    while (elapsed := time.perf_counter() - begin) < warm_up + spikes * every:
        for number in range(sent, int(elapsed * rate)):
            symbol, now = symbols[number * 7919 % len(symbols)], time.time_ns() // 1000
            price = _LEVEL + random.randint(-10, 10) / 100
            if elapsed > next_spike and symbol not in told:
                price, next_spike, told[symbol] = _SPIKE, next_spike + every, [now / 1_000]
            times = {"event_time": now, "ingest_time": now, "sequence": number}
            send(producer, TICK.topic_name, {"symbol": symbol, "price": price, "size": 1.0, **times})
            sent = number + 1
        producer.poll(0)
        time.sleep(_PACE_SECONDS)
    producer.flush()
    return told


def appended(servers: str, topic: str, since_ms: float) -> list[tuple[float, dict[str, object]]]:
    """Return the records of a topic since a time, each with when the broker appended it, in milliseconds."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "bench", "enable.auto.commit": False})
    found = []
    try:
        known = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic].partitions
        places = [TopicPartition(topic, number, int(since_ms)) for number in known]
        consumer.assign(consumer.offsets_for_times(places, timeout=_ANSWER_SECONDS))
        while messages := consumer.consume(5_000, 2):
            found += [(float(each.timestamp()[1]), orjson.loads(each.value() or b"")) for each in messages]
    finally:
        consumer.close()
    return found


def holding(servers: str, topic: str, spikes: Times) -> Times:
    """Return when records were appended that hold the symbol's spike; of anomalies those that tell of it."""
    found: Times = {}
    for at, record in appended(servers, topic, min(each[0] for each in spikes.values())):
        symbol, newest = str(record["symbol"]), record["last_event_time"]
        holds = symbol in spikes and isinstance(newest, int) and newest / 1_000 >= spikes[symbol][0]
        if holds and record.get("rule", _RULE) == _RULE:
            found.setdefault(symbol, []).append(at)
    return found


def told_by(alerts: Sequence[Post]) -> Times:
    """Return when alerts of spikes were taken."""
    found: Times = {}
    for post in alerts:
        if post.rule == _RULE:
            found.setdefault(post.symbol, []).append(post.time * 1_000)
    return found


def say(name: str, spikes: Times, found: Times) -> None:
    """Print how long behind each spike the first was found."""
    firsts = {symbol: min(times) for symbol, times in found.items() if symbol in spikes}
    late = [first - spikes[symbol][0] for symbol, first in firsts.items()]
    figures = " / ".join(f"{each:.0f}" for each in np.percentile(late, [50, 95, 99, 100])) if late else "none"
    print(f"tick to {name}: {len(late)} of {len(spikes)}, p50 / p95 / p99 / most {figures} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=3_000, help="ticks a second")
    parser.add_argument("--warm-up", type=float, default=150, help=f"seconds, at least {_BARS_BEFORE_SECONDS}")
    parser.add_argument("--spikes", type=int, default=60, help="at most 100: one a symbol")
    parser.add_argument("--every", type=float, default=1.0, help="seconds from one to the next")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalServers() as servers, Slack().running() as slack:
        maintain_stores(servers.settings(Settings()))
        stage = Stage(servers, _WINDOWS, {"SLACK_WEBHOOK_URL": slack.url}, Path(folder))
        with stage.running("mdstream", "run", "live_bars") as live, stage.running("mdstream", "alerts") as alerts:
            stage.load("--rate", "100", "--seconds", "1")
            while not stage.records(BAR.topic_name):
                time.sleep(0.1)
            before, began = [cpu_seconds(each) for each in (live, alerts)], time.monotonic()
            spikes = trade(
                stage.servers, asked.rate, max(asked.warm_up, _BARS_BEFORE_SECONDS), asked.spikes, asked.every
            )
            lasted = time.monotonic() - began
            cores = [(cpu_seconds(each) - was) / lasted for each, was in zip((live, alerts), before, strict=True)]
            time.sleep(_DRAIN_SECONDS)
        for name, record in (("bar", BAR), ("indicators", Settings().indicator_record), ("anomaly", ANOMALY)):
            say(name, spikes, holding(stage.servers, record.topic_name, spikes))
        say("alert", spikes, told_by(slack.alerts))
    print(f"cores, warm-up included: live bars {cores[0]:.2f}, alerts {cores[1]:.2f}")


if __name__ == "__main__":
    main()
