"""The servers behind the dashboard and the dashboard itself, as processes that the command line starts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx

from mdstream.config import KafkaSettings, RedisSettings, TimescaleSettings
from mdstream.embedded.server import free_port
from mdstream.serving.access import entry_for, new_key
from tests.waiting import until

_START_SECONDS = 60


class Service:
    """One command that serves; it may be stopped and started again on the same port."""

    def __init__(self, name: str, health: str, environment: dict[str, str], folder: Path) -> None:
        self.port = free_port()
        self._health = f"http://127.0.0.1:{self.port}/health/{health}"
        self._command = [sys.executable, "-m", "mdstream", name, "--port", str(self.port)]
        self._environment = environment
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self._process is None:
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(self._command, env=self._environment, cwd=self._log.parent, stderr=log)

    def wait(self) -> None:
        until(self._answers, _START_SECONDS)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(_START_SECONDS)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            return httpx.get(self._health, trust_env=False).is_success
        except httpx.TransportError:
            return False


class Services:
    """REST API, WebSocket server and dashboard, all of which ask for keys."""

    def __init__(self, kafka: KafkaSettings, database: TimescaleSettings, redis: RedisSettings, folder: Path) -> None:
        self.user_key, own_key = new_key(), new_key()
        hashes = [entry_for("someone", self.user_key), entry_for("dashboard", own_key)]
        settings = {
            "KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "STORES__TIMESCALEDB__PORT": database.port,
            "STORES__TIMESCALEDB__DATABASE": database.database,
            "STORES__TIMESCALEDB__USER": database.user,
            "STORES__TIMESCALEDB__PASSWORD": database.password.get_secret_value(),
            "STORES__REDIS__PORT": redis.port,
            "SERVING__API_KEYS": str(hashes).replace("'", '"'),
            # What other tests left in the topics is no concern of ours.
            "SERVING__WEBSOCKET__HISTORY_RECORDS": 0,
        }
        environment = os.environ | {f"MDSTREAM_{name}": str(value) for name, value in settings.items()}
        self.rest = Service("api", "ready", environment, folder)
        self.websocket = Service("websocket", "ready", environment, folder)
        asked = {
            "REST_URL": f"http://127.0.0.1:{self.rest.port}",
            "WEBSOCKET_URL": f"ws://127.0.0.1:{self.websocket.port}",
            "API_KEY": own_key,
        }
        own = {f"MDSTREAM_SERVING__DASHBOARD__{name}": value for name, value in asked.items()}
        self.dashboard = Service("dashboard", "live", environment | own, folder)

    @property
    def all(self) -> tuple[Service, ...]:
        return self.rest, self.websocket, self.dashboard

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.dashboard.port}"

    def start(self) -> None:
        for service in self.all:
            service.start()
        for service in self.all:
            service.wait()

    def stop(self) -> None:
        for service in reversed(self.all):
            service.stop()

    def secrets_in_logs(self) -> list[str]:
        written = "".join(service.log for service in self.all)
        return re.findall(r"mds_\S+", written)
