"""A real Prometheus over everything that runs: each panel of each dashboard shows something."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import yaml
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from mdstream.config import Settings, load_settings
from mdstream.demo import DemoOptions
from mdstream.demo.processes import demo_environment
from mdstream.embedded import LocalServers
from mdstream.embedded.server import free_port
from mdstream.kafka.topics import create_topics, plan_topics
from mdstream.operations.maintain import maintain_stores
from mdstream.runtime.process import Child
from mdstream.stores.timescaledb.database_url import database_url
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(600)]

_ROOT = Path(__file__).parents[3]
_PROMETHEUS = _ROOT / "conf" / "prometheus"
_PROCESSES = ("api", "websocket", "metrics", "ingest", "jobs", "alerts")
_SECONDS = 480
_RULES = """\
- name: traded
  predicate: trade_count > 0
  severity: critical
  value: close
  message: "traded at {close:,.2f}"
"""


class Running:
    """Our processes, and the Prometheus that asks them."""

    def __init__(self, servers: LocalServers, database: sa.URL, folder: Path, ends: ExitStack) -> None:
        self.database = database
        self._servers, self._folder, self._ends = servers, folder, ends
        self.ports = {name: free_port() for name in (*_PROCESSES, "prometheus")}
        self._environment = os.environ | demo_environment(servers, DemoOptions(), Settings()) | self._variables()
        self.children: list[Child] = []

    def _variables(self) -> dict[str, str]:
        (self._folder / "rules.yaml").write_text(_RULES)
        return {
            "MDSTREAM_RULES_FILE": str(self._folder / "rules.yaml"),
            # A live feed whose vendor is away: its counts are there, and say so.
            "MDSTREAM_FEEDS__BINANCE__URL": f"ws://127.0.0.1:{free_port()}/stream",
            "MDSTREAM_SPARK__REAL_TIME_TRIGGER": "10 seconds",
            "MDSTREAM_SPARK__HEAD_START_SECONDS": "1",
            "MDSTREAM_MONITORING__INTERVAL_SECONDS": "2",
            "MDSTREAM_MONITORING__HEALTH_SECONDS": "10",
            "MDSTREAM_MONITORING__JOBS_PORT": str(self.ports["jobs"]),
            "MDSTREAM_MONITORING__ALERTS_PORT": str(self.ports["alerts"]),
        }

    def start(self) -> None:
        # Ticks first: Spark tells a watermark in the batch after the first one with data.
        feeds = ("--feed", "synthetic", "--feed", "binance", "--symbols", "synthetic=AAPL,MSFT,binance=BTCUSDT")
        self._mdstream("ingest", "ingest", *feeds, "--rate", "50", "--metrics-port", str(self.ports["ingest"]))
        self._mdstream("jobs", "run", "live_bars", "store_ticks", "analytics")
        for name in ("api", "websocket", "metrics"):
            self._mdstream(name, name, "--port", str(self.ports[name]))
        self._mdstream("alerts", "alerts")
        self._prometheus()

    def _mdstream(self, name: str, *arguments: str) -> None:
        self._start(name, [sys.executable, "-m", "mdstream", *arguments])

    def _start(self, name: str, command: list[str | Path]) -> None:
        child = self._servers.run.start(name, command, environment=self._environment, cwd=_ROOT)
        self._ends.callback(child.end, 30)
        self._ends.callback(child.ask_to_stop)
        self.children.append(child)

    def _prometheus(self) -> None:
        folder = self._folder / "prometheus"
        shutil.copytree(_PROMETHEUS, folder)
        usual = (folder / "prometheus.yml").read_text()
        assert "scrape_interval: 5s" in usual
        (folder / "prometheus.yml").write_text(usual.replace("scrape_interval: 5s", "scrape_interval: 1s"))
        shipped = yaml.safe_load((folder / "targets" / "mdstream.yml").read_text())
        assert {target["labels"]["process"] for target in shipped} == set(_PROCESSES)
        for target in shipped:
            target["targets"] = [f"127.0.0.1:{self.ports[target['labels']['process']]}"]
        (folder / "targets" / "mdstream.yml").write_text(yaml.safe_dump(shipped))
        address = f"--web.listen-address=127.0.0.1:{self.ports['prometheus']}"
        config, data = f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"
        self._start("prometheus", ["prometheus", config, data, address])

    def check(self) -> None:
        for child in self.children:
            assert child.exit_code is None, f"{child.name}:\n{child.log_tail()}"

    def shows(self, query: str) -> bool:
        """Whether a query gives a number."""
        found = self._ask("query", query=query.replace("$__rate_interval", "15s"))
        return any(math.isfinite(float(series["value"][1])) for series in found.get("result", ()))

    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self._ask("alerts")["alerts"] if alert["state"] == "firing"}

    def _ask(self, what: str, **parameters: str) -> dict[str, Any]:
        address = f"http://127.0.0.1:{self.ports['prometheus']}/api/v1/{what}"
        try:
            answer = httpx.get(address, params=parameters, trust_env=False, timeout=10)
        except httpx.TransportError:
            return {}
        assert answer.status_code in {200, 503}, f"{parameters}: {answer.text}"
        found: dict[str, Any] = answer.json()["data"] if answer.is_success else {}
        return found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    if shutil.which("prometheus") is None:
        pytest.skip("Prometheus: it is not here; the Debian package prometheus brings it")
    with ExitStack() as ends:
        servers = ends.enter_context(LocalServers())
        settings = servers.settings(load_settings())
        create_topics(settings.kafka, plan_topics(settings))
        maintain_stores(settings)
        database = database_url(settings.stores.timescaledb)
        running = Running(servers, database, tmp_path_factory.mktemp("monitoring"), ends)
        running.start()
        with watching(running.ports["websocket"]):
            yield running


@contextmanager
def watching(port: int) -> Iterator[None]:
    """Be a client of the WebSocket server, once it is there."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.2):
            try:
                with connect(f"ws://127.0.0.1:{port}", proxy=None) as client:
                    client.send(json.dumps({"type": "subscribe", "symbols": ["*"]}))
                    while not stop.is_set():
                        client.recv(timeout=60)
            except (OSError, ConnectionClosed, TimeoutError):
                continue

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def targets() -> Iterator[tuple[str, dict[str, Any]]]:
    files = sorted((_ROOT / "conf" / "grafana" / "dashboards").glob("*.json"))
    for file in files:
        made = json.loads(file.read_text(encoding="utf-8"))
        for panel in made["panels"]:
            for target in panel["targets"]:
                yield f"{made['title']}: {panel['title']}", target
        for variable in made.get("templating", {}).get("list", ()):
            yield f"{made['title']}: ${variable['name']}", {"rawSql": variable["query"]}


def test_every_panel_shows_something(running: Running) -> None:
    missing = {(name, target["expr"]) for name, target in targets() if "expr" in target}
    assert len(missing) > 40
    engine = sa.create_engine(running.database)
    statements = {(name, target["rawSql"]) for name, target in targets() if "rawSql" in target}
    assert len(statements) > 7

    pause = threading.Event()

    def all_show() -> bool:
        # Asking without a pause would take the processor from those who are asked.
        pause.wait(1)
        running.check()
        httpx_get(f"http://127.0.0.1:{running.ports['api']}/api/v1/symbols")
        missing.difference_update({found for found in missing if running.shows(found[1])})
        statements.difference_update({found for found in statements if rows(engine, found[1])})
        return not missing and not statements

    try:
        until(all_show, _SECONDS)
    except AssertionError:
        assert missing == set()
        assert statements == set()
        raise
    assert running.firing() & {"ProcessDown", "QueryEnded", "ServerDown", "ServerIncomplete"} == set()


def httpx_get(address: str) -> None:
    try:
        httpx.get(address, trust_env=False, timeout=10)
    except httpx.TransportError:
        return


def rows(engine: sa.Engine, statement: str) -> int:
    """How many rows Grafana would get."""
    filled = re.sub(
        r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN now() - interval '3 hours' AND now() + interval '1 hour'", statement
    )
    filled = filled.replace("$symbol", "AAPL").replace("$window", "1min")
    assert "$" not in filled
    with engine.connect() as connection:
        return len(connection.execute(sa.text(filled.replace("::", r"\:\:"))).fetchall())
