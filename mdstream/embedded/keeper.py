"""Keeps the local servers running in the background, for own development, until they are told to stop."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from mdstream.config import load_settings
from mdstream.embedded.servers import LocalServers
from mdstream.errors import ServerError
from mdstream.kafka.topics import create_topics, plan_topics
from mdstream.operations.maintain import maintain_stores
from mdstream.streaming.spark_log import state_folder

_START_SECONDS = 180
_STOP_SECONDS = 60
_LOOK_SECONDS = 0.1
_LOG_TAIL = 2_000


@dataclass(frozen=True)
class KeptServers:
    """The servers that run in the background.

    Attributes:
        pid: The process that keeps them.
        environment: Variables that point mdstream at them; they hold passwords.
    """

    pid: int
    environment: dict[str, str]

    @property
    def environment_file(self) -> Path:
        """A file of shell commands that set the variables."""
        return _folder() / "servers.env"


def kept_servers() -> KeptServers | None:
    """Return the servers that run in the background; None if none do."""
    try:
        found = json.loads((_folder() / "servers.json").read_text(encoding="utf-8"))
        kept = KeptServers(found["pid"], found["environment"])
        is_ours = psutil.Process(kept.pid).create_time() == found["began"]
    except (OSError, ValueError, KeyError, psutil.Error):
        return None
    return kept if is_ours else None


def start_servers() -> KeptServers:
    """Start the servers in the background, with topics and tables, and return when all answer; those that run stay.

    Raises:
        ServerError: They do not start; the message has the end of their log.
    """
    if (kept := kept_servers()) is not None:
        return kept
    _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    log = _folder() / "servers.log"
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "mdstream.embedded.keeper"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    while (kept := kept_servers()) is None:
        if keeper.poll() is not None or time.monotonic() > deadline:
            keeper.terminate()
            said = log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]
            raise ServerError(f"the servers did not start; their log, {log}, ends:\n{said}")
        time.sleep(_LOOK_SECONDS)
    return kept


def stop_servers() -> bool:
    """Stop them and remove their data; return whether there were any.

    Raises:
        ServerError: They do not stop.
    """
    kept = kept_servers()
    if kept is None:
        return False
    keeper = psutil.Process(kept.pid)
    keeper.terminate()
    try:
        keeper.wait(_STOP_SECONDS)
    except psutil.TimeoutExpired as exc:
        raise ServerError(f"process {kept.pid} does not stop; end it with: kill -9 {kept.pid}") from exc
    return True


def keep() -> None:
    """Run the servers until SIGTERM; the file that tells of them goes with them."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with LocalServers() as servers:
        settings = servers.settings(load_settings())
        create_topics(settings.kafka, plan_topics(settings))
        maintain_stores(settings)
        _tell(servers.environment())
        try:
            while not stop.wait(1):
                servers.check()
        finally:
            for name in ("servers.json", "servers.env"):
                with contextlib.suppress(FileNotFoundError):
                    (_folder() / name).unlink()


def _tell(environment: dict[str, str]) -> None:
    lines = (f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    _write("servers.env", "".join(lines))
    began = psutil.Process().create_time()
    _write("servers.json", json.dumps({"pid": os.getpid(), "began": began, "environment": environment}))


def _write(name: str, content: str) -> None:
    unfinished = _folder() / f".{name}"
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    unfinished.rename(_folder() / name)


def _folder() -> Path:
    return state_folder()


if __name__ == "__main__":
    keep()
