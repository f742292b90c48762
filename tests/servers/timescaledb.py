"""TimescaleDB in WebAssembly, from npm: one backend, no COPY, no background workers; enough for tables and queries."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import psycopg2
from pydantic import SecretStr

from mdstream.config import TimescaleSettings
from mdstream.embedded.server import HOST, LocalServer
from mdstream.runtime.cache import cached
from mdstream.runtime.process import Child
from mdstream.runtime.run import RunFolder

_SOURCE = Path(__file__).parents[2] / "ci" / "timescaledb"
_INSTALL_SECONDS = 240


def missing_tools() -> list[str]:
    """Return what it needs and this machine has not."""
    return [tool for tool in ("node", "npm") if shutil.which(tool) is None]


class LocalTimescaleDB(LocalServer):
    """A TimescaleDB in memory: what it holds is gone when it stops."""

    name = "TimescaleDB"

    @property
    def settings(self) -> TimescaleSettings:
        """How to reach it; it takes any password. Nothing is so old that its retention job would drop it."""
        return TimescaleSettings(
            host=HOST,
            port=self.port,
            database="postgres",
            user="postgres",
            password=SecretStr("any"),
            retention_days=36_500,
        )

    def _initialise(self, run: RunFolder) -> None:  # noqa: ARG002
        content = b"".join(file.read_bytes() for file in sorted(_SOURCE.iterdir()))
        self._program = cached(f"timescaledb-wasm-{hashlib.sha256(content).hexdigest()[:8]}", _install)

    def _launch(self, run: RunFolder) -> Child:
        return run.start(f"timescaledb-{self.port}", ["node", self._program / "serve.mjs", str(self.port)])

    def _answers(self) -> bool:
        settings = self.settings
        try:
            psycopg2.connect(
                host=settings.host,
                port=settings.port,
                dbname=settings.database,
                user=settings.user,
                password=settings.password.get_secret_value(),
                connect_timeout=2,
            ).close()
        except psycopg2.OperationalError:
            return False
        return True


def _install(folder: Path) -> None:
    for file in _SOURCE.iterdir():
        shutil.copy(file, folder)
    command = ["npm", "ci", "--legacy-peer-deps", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=folder, check=True, timeout=_INSTALL_SECONDS, capture_output=True)
