"""Docker's Compose on docker-compose.yml: it resolves all of it, without an engine."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.docker.compose import ROOT, plugin, services

_ALWAYS = {"kafka", "timescaledb", "redis", "topics", "tables"}


@pytest.fixture(scope="module")
def compose() -> list[str]:
    found = plugin()
    if found is None:
        pytest.skip("Docker Compose: neither the plugin nor what ci/compose/build.sh builds is here")
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The file beside a filled in `.env`."""
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    lines = (f"{line}secret" if line.endswith("=") else line for line in example.splitlines())
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def resolved(compose: list[str], project: Path, *profiles: str) -> dict[str, Any]:
    chosen = [argument for profile in profiles for argument in ("--profile", profile)]
    command = [*compose, *chosen, "config", "--format", "json"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def test_it_accepts_the_file_and_every_profile(compose: list[str], project: Path) -> None:
    assert resolved(compose, project, "*").keys() == services().keys()
    assert resolved(compose, project).keys() == _ALWAYS
    assert resolved(compose, project, "all").keys() == services().keys() - {"influxdb", "once"}
    profiles = {name for service in services().values() for name in service.get("profiles", [])}
    for profile in profiles:
        started = resolved(compose, project, profile)
        assert started.keys() >= _ALWAYS
        # `up --wait` takes the end of a service for a failure, unless another one waits for it.
        awaited = {
            name
            for service in started.values()
            for name, wait in service.get("depends_on", {}).items()
            if wait["condition"] == "service_completed_successfully"
        }
        assert awaited == {"topics", "tables"} or profile == "influxdb"


def test_it_says_which_password_is_missing(compose: list[str], project: Path) -> None:
    (project / ".env").write_text("MDSTREAM_STORES__REDIS__PASSWORD=\n", encoding="utf-8")
    done = subprocess.run([*compose, "config", "--quiet"], cwd=project, capture_output=True, text=True)
    assert done.returncode
    assert "set it in .env, see .env.example" in done.stderr
