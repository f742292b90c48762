"""A real InfluxDB 2.7 for tests: built from its Go module by `ci/influxd/build.sh`, or whatever `influxd` there is."""

from __future__ import annotations

import secrets
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from influxdb_client import InfluxDBClient, OnboardingRequest
from influxdb_client.service import SetupService
from pydantic import SecretStr

from mdstream.config import InfluxSettings
from mdstream.embedded.server import HOST, LocalServer
from mdstream.runtime.cache import cache_folder
from mdstream.runtime.process import Child
from mdstream.runtime.run import RunFolder

VERSION = "2.7.12"
"""As in `ci/influxd/go.mod`."""


def influxd() -> Path | None:
    """Return the server's program, if it is here."""
    built = cache_folder() / f"influxd-{VERSION}" / "influxd"
    elsewhere = shutil.which("influxd")
    return built if built.is_file() else Path(elsewhere) if elsewhere else None


def reason_without() -> str:
    """Return why tests skip without it; `tests.skips` tells the two apart."""
    missing = [tool for tool in ("go", "cargo", "cc") if shutil.which(tool) is None]
    if missing:
        return f"InfluxDB: this machine has no influxd, nor what builds it (ci/influxd/build.sh): {', '.join(missing)}"
    return "InfluxDB: not built yet; ci/influxd/build.sh does it, in six minutes of CPU"


class LocalInfluxDB(LocalServer):
    """An InfluxDB that keeps its data over a stop and a crash."""

    name = "InfluxDB"

    def __init__(self, program: Path, run: RunFolder | None = None) -> None:
        super().__init__(run)
        self._program = program
        self._token = secrets.token_urlsafe(32)

    @property
    def settings(self) -> InfluxSettings:
        """How to reach it as its owner."""
        return InfluxSettings(enabled=True, url=f"http://{HOST}:{self.port}", token=SecretStr(self._token))

    def set_up(self) -> None:
        """Make the owner, the organisation and a bucket, once."""
        settings = self.settings
        with InfluxDBClient(settings.url, token="") as client:
            SetupService(client.api_client).post_setup(
                OnboardingRequest(
                    username="mdstream",
                    password=secrets.token_urlsafe(16),
                    org=settings.organisation,
                    bucket=settings.bucket,
                    token=self._token,
                )
            )

    @contextmanager
    def bucket(self) -> Iterator[InfluxSettings]:
        """Settings of an empty bucket that goes when the block ends."""
        name = f"test-{uuid.uuid4().hex}"
        with InfluxDBClient(self.settings.url, token=self._token, org=self.settings.organisation) as client:
            buckets = client.buckets_api()
            made = buckets.create_bucket(bucket_name=name, org=self.settings.organisation)
            yield self.settings.model_copy(update={"bucket": name})
            buckets.delete_bucket(made)

    def _initialise(self, run: RunFolder) -> None:
        self._folder(run).mkdir()

    def _launch(self, run: RunFolder) -> Child:
        folder = self._folder(run)
        command: list[str | Path] = [
            self._program,
            "--http-bind-address",
            f"{HOST}:{self.port}",
            "--reporting-disabled",
        ]
        for option in ("bolt-path", "sqlite-path", "engine-path"):
            command += [f"--{option}", folder / option]
        return run.start(f"influxdb-{self.port}", command)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://{HOST}:{self.port}/health", timeout=1).is_success
        except httpx.HTTPError:
            return False
