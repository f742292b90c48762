"""Nearly right records and messages, to all that reads them at once: no process ends, and nobody else waits.

`MDSTREAM_TEST_MUTATIONS=100000 pytest -s tests/servers/security/test_mutations.py` attacks the jobs that store, too,
and says what it measured.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from random import Random

import httpx
import orjson
import psutil
import pytest
from confluent_kafka import Producer

from mdstream.config import Settings
from mdstream.embedded import LocalServers
from mdstream.kafka.topics import create_topics, plan_topics
from mdstream.operations.maintain import maintain_stores
from tests.servers.security import mutations
from tests.servers.security.mutations import COUNT, IS_LONG
from tests.servers.serving.websocket.running import Exchange, Running, ready
from tests.servers.serving.websocket.test_limits import REQUEST
from tests.slack_server import SlackServer
from tests.waiting import until
from tests.wrong_records import RECORDS, good

pytestmark = pytest.mark.servers

_SEED = 7
_MEGABYTE = 1_000_000
_MOST_GROWTH = 300 * _MEGABYTE
_MOST_OF_JOBS = 2_500 * _MEGABYTE  # Java takes its heap while it warms up
_LONGEST_GAP_SECONDS = 3  # on a machine that does nothing else it is under one
_SECONDS = 1200 if IS_LONG else 120
_CALM = "CALM"


@dataclass
class Attacked:
    """Processes under attack, and how others fare meanwhile."""

    servers: LocalServers
    websocket: Running
    processes: dict[str, subprocess.Popen[str]]
    dashboard: str
    answers: Counter[int] = field(default_factory=Counter)
    gaps: list[float] = field(default_factory=list)

    def sizes(self) -> dict[str, int]:
        """Return the memory of each process and what it started."""
        found = {}
        for name, process in self.processes.items():
            whole = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            found[name] = sum(each.memory_info().rss for each in whole)
        return found

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Let a client have trades, and ask the servers how they are, until the end of the block."""
        over = threading.Event()
        failures: list[Exception] = []

        def watch() -> None:
            exchange = Exchange(self.servers.kafka.bootstrap_servers)
            try:
                with self.websocket.client(_CALM) as client:
                    while not over.is_set():
                        began = time.monotonic()
                        exchange.trade(_CALM)
                        client.hear_until("tick")
                        self.gaps.append(time.monotonic() - began)
                        for address in (f"{self.dashboard}/live?window=1min", f"{self.dashboard}/health/live"):
                            self.answers[httpx.get(address, timeout=30, trust_env=False).status_code] += 1
                        over.wait(0.05)
            except Exception as exc:  # noqa: BLE001 - said below
                failures.append(exc)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join(_SECONDS)
        assert failures == []

    def assert_unharmed(self, before: dict[str, int]) -> None:
        assert {name: process.poll() for name, process in self.processes.items()} == dict.fromkeys(self.processes)
        now = self.sizes()
        grown = {name: size - before[name] for name, size in now.items()}
        print(  # noqa: T201 - figures for who attacks by hand
            f"\n{COUNT} each; grown by MB: { {name: size // _MEGABYTE for name, size in grown.items()} }; "
            f"answers: {dict(self.answers)}; {len(self.gaps)} waits, the longest {max(self.gaps):.2f} s"
        )
        assert now.get("jobs", 0) < _MOST_OF_JOBS
        assert all(size < _MOST_GROWTH for name, size in grown.items() if name != "jobs"), grown
        assert {status for status in self.answers if status >= 500} <= {503}
        assert self.websocket.get("/health/ready").status_code == 200
        assert max(self.gaps) < _LONGEST_GAP_SECONDS


def _port_of(process: subprocess.Popen[str]) -> int:
    """Return where a server says that it listens."""
    assert process.stderr is not None
    return int(process.stderr.readline().rpartition(":")[2].split("/")[0])


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    folder = tmp_path_factory.mktemp("mutations")
    with ExitStack() as end:
        servers = end.enter_context(LocalServers())
        slack = end.enter_context(SlackServer().running())
        settings = servers.settings(Settings())
        create_topics(settings.kafka, plan_topics(settings))
        maintain_stores(settings)
        variables = os.environ | servers.environment()
        variables |= {
            "MDSTREAM_SPARK__CHECKPOINT_LOCATION": str(folder / "checkpoints"),
            "SLACK_WEBHOOK_URL": slack.url,
        }
        websocket = end.enter_context(ready(servers.kafka.bootstrap_servers, folder))
        variables["MDSTREAM_SERVING__DASHBOARD__WEBSOCKET_URL"] = websocket.url

        def start(*arguments: str, **said: int | None) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "mdstream", *arguments]
            process = subprocess.Popen(command, cwd=folder, env=variables, text=True, stderr=said.get("stderr"))
            # At the end of its context what it says is closed, and its end waited for.
            end.enter_context(process)
            end.callback(process.kill)
            return process

        dashboard = start("dashboard", "--port", "0", stderr=subprocess.PIPE)
        processes = {"websocket": websocket.process, "dashboard": dashboard, "alerts": start("alerts")}
        if IS_LONG:
            processes["jobs"] = start("run", "live_bars", "store_ticks", "analytics")
        yield Attacked(servers, websocket, processes, f"http://127.0.0.1:{_port_of(dashboard)}")


def test_records_in_every_topic(attacked: Attacked) -> None:
    random, before = Random(_SEED), attacked.sizes()
    producer = Producer({"bootstrap.servers": attacked.servers.kafka.bootstrap_servers, "linger.ms": 5})
    with attacked.watched(), attacked.websocket.client() as listening:
        channels = ["tick", "bar", "indicator", "anomaly", "prediction"]
        listening.say(type="subscribe", symbols=["LAST"], channels=channels)
        listening.hear_until("subscribed")
        for number in range(COUNT):
            for kind in RECORDS:
                producer.produce(kind.topic_name, mutations.record(kind, random))
            if number % 100 == 99:
                assert producer.flush(60) == 0
        for kind in RECORDS:
            producer.produce(kind.topic_name, orjson.dumps(good(kind, symbol="LAST")))
        assert producer.flush(60) == 0
        heard: set[str] = set()

        def all_heard() -> bool:
            with suppress(TimeoutError):
                message = listening.hear()
                heard.update([message["type"]] if message.get("symbol") == "LAST" else [])
            return heard >= set(channels)

        until(all_heard, _SECONDS)
    attacked.assert_unharmed(before)


def test_messages_of_clients(attacked: Attacked) -> None:
    random, before, sent, connections = Random(_SEED), attacked.sizes(), 0, 0
    with attacked.watched():
        while sent < COUNT:
            connections += 1
            with suppress(OSError), socket.create_connection(("127.0.0.1", attacked.websocket.port), 30) as attacker:
                attacker.sendall(REQUEST)
                assert b" 101 " in attacker.recv(4096)
                # A client that says more than this at once is disconnected for that.
                for _ in range(50):
                    sent += 1
                    attacker.sendall(mutations.frame(random))
    attacked.assert_unharmed(before)
