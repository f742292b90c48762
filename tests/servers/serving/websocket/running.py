"""`mdstream websocket` as its own process, and what its tests send through Kafka."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
from confluent_kafka import Producer
from websockets.sync.client import ClientConnection, connect

from mdstream.config import KafkaSettings, Settings
from mdstream.embedded import LocalKafka
from mdstream.kafka.topics import create_topics, plan_topics
from tests.waiting import until

COMMAND = [sys.executable, "-c", "from mdstream.cli import main; main()", "websocket"]
START_SECONDS = 60
ANSWER_SECONDS = 20


def with_topics(server: LocalKafka) -> KafkaSettings:
    """Return where Kafka is, once it has all topics."""
    settings = Settings(kafka=KafkaSettings(bootstrap_servers=server.bootstrap_servers))
    create_topics(settings.kafka, plan_topics(settings))
    return settings.kafka


class Running:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stderr is not None
        self.port = int(process.stderr.readline().rpartition(":")[2])

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=30, trust_env=False, headers=headers)

    def metric(self, name: str, **headers: str) -> float:
        [value] = re.findall(rf"^{re.escape(name)} (\S+)$", self.get("/metrics", **headers).text, re.MULTILINE)
        return float(value)

    def refused(self, reason: str, **headers: str) -> float:
        return self.metric(f'websocket_refused_total{{reason="{reason}"}}', **headers)

    @contextmanager
    def client(self, *symbols: str, **options: Any) -> Iterator[Talk]:  # noqa: ANN401 the library's own
        with connect(self.url, proxy=None, **options) as connection:
            talk = Talk(connection)
            if symbols:
                talk.say(type="subscribe", symbols=symbols)
                assert talk.hear()["type"] == "subscribed"
            yield talk


class Talk:
    """A client's side of a connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, **message: object) -> None:
        self.connection.send(orjson.dumps(message).decode())

    def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = orjson.loads(self.connection.recv(ANSWER_SECONDS))
        return message

    def hear_until(self, kind: str) -> dict[str, Any]:
        while (message := self.hear())["type"] != kind:
            pass
        return message


@contextmanager
def running(servers: str, folder: Path, **settings: object) -> Iterator[Running]:
    """Start a server; `settings` are those of `serving`, with two underscores between the parts of their names."""
    variables = os.environ | {"MDSTREAM_KAFKA__BOOTSTRAP_SERVERS": servers}
    variables |= {f"MDSTREAM_SERVING__{name.upper()}": str(value) for name, value in settings.items()}
    command = [*COMMAND, "--port", "0"]
    with subprocess.Popen(command, env=variables, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Running(process)
        finally:
            if process.poll() is None:
                process.kill()


def is_ready(server: Running) -> bool:
    try:
        return server.get("/health/ready").status_code == 200
    except httpx.ConnectError:
        return False


@contextmanager
def ready(servers: str, folder: Path, **settings: object) -> Iterator[Running]:
    """The same, when it has read what is in the topics."""
    with running(servers, folder, **settings) as server:
        until(lambda: is_ready(server), START_SECONDS)
        yield server


class Exchange:
    """Trades, and their bars."""

    def __init__(self, servers: str) -> None:
        self._producer = Producer({"bootstrap.servers": servers, "linger.ms": 0})
        self._count = 0

    def trade(self, symbol: str, **changes: object) -> None:
        """Send a tick and the bar that it makes."""
        self._count += 1
        now = time.time_ns() // 1_000
        tick = {"symbol": symbol, "price": 100.0, "size": 1.0, "event_time": now, "ingest_time": now}
        start = now - now % 60_000_000
        prices = dict.fromkeys(("open", "high", "low", "close"), 100.0)
        times = {"window_start": start, "window_end": start + 60_000_000, "last_event_time": now}
        bar = {"symbol": symbol, "window": "1min", "volume": 1.0} | prices | times
        self._producer.produce("tick_data", orjson.dumps(tick | changes), symbol)
        self._producer.produce("aggregated_data", orjson.dumps(bar | {"trade_count": self._count}), symbol)
        self._producer.flush()
