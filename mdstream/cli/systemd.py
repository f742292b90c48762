"""`mdstream systemd`: units that keep mdstream's processes running."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from mdstream.cli.configuration import ConfigFile
from mdstream.config import load_settings
from mdstream.config.jobs import ANALYTICS_JOB, LAKE_JOB, LIVE_JOB, STORE_JOB
from mdstream.errors import InvalidInputError, did_you_mean

_PROCESSES = {
    "jobs": (f"run {LIVE_JOB} {STORE_JOB} {ANALYTICS_JOB}", "6G"),
    "archive": (f"run {LAKE_JOB}", "4G"),
    "ingest": ("ingest --feed synthetic", "1G"),
    "api": ("api", "1G"),
    "websocket": ("websocket", "2G"),
    "dashboard": ("dashboard", "1G"),
    "alerts": ("alerts", "512M"),
    "metrics": ("metrics", "512M"),
}
"""What each unit runs, and how much memory it may take."""

_UNIT = """\
[Unit]
Description=mdstream {arguments}
Wants=network-online.target
After=network-online.target

[Service]
ExecStart={command}
WorkingDirectory={folder}
User={user}
Restart=on-failure
RestartSec=5
# Java is stopped by the process that started it, which lets batches end first.
KillMode=mixed
TimeoutStopSec=45
MemoryMax={memory}
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
LockPersonality=yes
UMask=0077
StateDirectory=mdstream
CacheDirectory=mdstream
Environment=XDG_STATE_HOME=/var/lib XDG_CACHE_HOME=/var/cache
ReadWritePaths={folder}

[Install]
WantedBy=multi-user.target
"""


def systemd(
    process: Annotated[
        str | None,
        typer.Argument(help=f"{', '.join(_PROCESSES)}; without it, their names.", show_default=False),
    ] = None,
    arguments: Annotated[
        str | None, typer.Option("--run", help="Other arguments of `mdstream`, e.g. 'ingest --feed binance ...'.")
    ] = None,
    user: Annotated[str, typer.Option(help="Whom it runs as.")] = "mdstream",
    memory: Annotated[str | None, typer.Option(help="Most memory that it may take, e.g. 4G.")] = None,
    config: ConfigFile = None,
) -> None:
    """Print a unit of systemd that keeps one process of mdstream running, hardened.

    It runs in the present folder, of which it may write, with this Python. Secrets stay in that folder's `.env`.

    Example: `mdstream systemd api | sudo tee /etc/systemd/system/mdstream-api.service`
    """
    if process is None:
        for name, (usual, most) in _PROCESSES.items():
            typer.echo(f"{name}: mdstream {usual}, at most {most}")
        return
    if process not in _PROCESSES:
        raise InvalidInputError(f"there is no process '{process}'; {did_you_mean(process, _PROCESSES)}")
    load_settings(config)
    usual, most = _PROCESSES[process]
    words = shlex.split(arguments or usual)
    options = ["--config", str(config.absolute())] if config else []
    # Not resolved: a link in a virtual environment is what makes it one.
    command = [os.path.abspath(sys.executable), "-m", "mdstream", *words, *options]  # noqa: PTH100
    typer.echo(
        _UNIT.format(
            arguments=" ".join(words),
            command=_escaped(command),
            folder=str(Path.cwd()).replace("%", "%%"),
            user=user,
            memory=memory or most,
        ),
        nl=False,
    )


def _escaped(command: list[str]) -> str:
    """Return a command as systemd reads one: quoted, and without its own variables and specifiers."""
    return " ".join(_word(word) for word in command)


def _word(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != word or any(character.isspace() for character in word) else word
