"""What docker-compose.yml says, with its anchors and `${...}` resolved."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from mdstream.runtime.cache import cache_folder

ROOT = Path(__file__).parents[3]
FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?::([-?])([^}]*))?\}")


def variables() -> set[str]:
    """The variables that the file asks the environment or `.env` for."""
    return {match[1] for match in _VARIABLE.finditer(FILE.read_text(encoding="utf-8"))}


def compose() -> dict[str, Any]:
    """The file as it is with nothing set but what it insists on, which is `secret`."""
    text = _VARIABLE.sub(lambda match: match[3] if match[2] == "-" else "secret", FILE.read_text(encoding="utf-8"))
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def services() -> dict[str, dict[str, Any]]:
    """The services by their names."""
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def ours() -> dict[str, dict[str, Any]]:
    """The services that run a command of mdstream."""
    return {
        name: service
        for name, service in services().items()
        if service["image"].startswith("mdstream:") and "entrypoint" not in service
    }


def published() -> dict[str, int]:
    """The port that each service publishes; those that publish none are left out."""
    return {name: int(service["ports"][0].split(":")[1]) for name, service in services().items() if "ports" in service}


def plugin() -> list[str] | None:
    """The command of Docker's Compose: its own, or what ci/compose/build.sh has built; None if there is neither."""
    docker = shutil.which("docker")
    if docker and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0:
        return [docker, "compose"]
    module = (ROOT / "ci" / "compose" / "go.mod").read_text(encoding="utf-8")
    version = re.search(r"github\.com/docker/compose/v2 v(\S+)", module)
    built = cache_folder() / f"docker-compose-{version[1]}" / "docker-compose" if version else None
    return [str(built)] if built and built.exists() else None
