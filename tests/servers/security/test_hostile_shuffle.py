"""Spark's streaming shuffle listens on every address and believes anybody: what is sent there ends no job."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from mdstream.config import KafkaSettings
from mdstream.schemas import BAR, TICK
from tests.servers.local.processes import open_to_others
from tests.waiting import until
from tests.wrong_records import good

pytestmark = [pytest.mark.servers, pytest.mark.slow]

_SECONDS = 240
_GARBAGE = (b"\xff" * 4096, b"\x00" * 4096, b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 16)


@pytest.fixture
def jobs(kafka: KafkaSettings, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Live bars of two tasks, which hand rows to each other through the shuffle."""
    variables = os.environ | {
        "MDSTREAM_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "MDSTREAM_SPARK__LIVE_PARTITIONS": "2",
        "MDSTREAM_SPARK__CHECKPOINT_LOCATION": str(tmp_path / "checkpoints"),
    }
    command = [sys.executable, "-m", "mdstream", "run", "live_bars"]
    with subprocess.Popen(command, cwd=tmp_path, env=variables, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def bars_in(kafka: KafkaSettings) -> int:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": "counting"})
    try:
        partitions = consumer.list_topics(str(BAR.topic), timeout=30).topics[str(BAR.topic)].partitions
        return sum(consumer.get_watermark_offsets(TopicPartition(str(BAR.topic), one))[1] for one in partitions)
    finally:
        consumer.close()


def test_garbage_on_its_ports_starts_live_bars_again_in_place(
    kafka: KafkaSettings, jobs: subprocess.Popen[str]
) -> None:
    said: list[str] = []
    assert jobs.stderr is not None
    reading = threading.Thread(target=lambda: said.extend(jobs.stderr or ()), daemon=True)
    reading.start()
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})

    def bars_flow(more_than: int) -> bool:
        assert jobs.poll() is None, said[-20:]
        now = time.time_ns() // 1_000
        for symbol in ("AAPL", "MSFT", "IBM"):
            producer.produce(str(TICK.topic), json.dumps(good(TICK, symbol=symbol, event_time=now, ingest_time=now)))
        assert producer.flush(60) == 0
        return bars_in(kafka) > more_than

    until(lambda: bars_flow(bars_in(kafka)), _SECONDS)
    ports = {port for _, port in open_to_others(psutil.Process(jobs.pid).children(recursive=True))}
    assert ports, "it listens on no address of others any more: docs/security.md says that it does"
    for port in ports:
        for garbage in _GARBAGE:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
                peer.sendall(garbage)

    until(lambda: any("it is started again" in line for line in said) or jobs.poll() is not None, _SECONDS)
    assert jobs.poll() is None, said[-20:]
    before = bars_in(kafka)
    until(lambda: bars_flow(before + 10), _SECONDS)
    jobs.send_signal(signal.SIGTERM)
    assert jobs.wait(120) == 0, said[-20:]
    reading.join(60)
