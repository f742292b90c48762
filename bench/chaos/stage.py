"""The product's processes on servers of their own, and what is done to them."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

from bench.chaos.schedule import JOBS, Fault, Kind
from mdstream.config import Settings
from mdstream.embedded import LocalServers
from mdstream.embedded.server import HOST, LocalServer, free_port
from mdstream.kafka.topics import create_topics, plan_topics
from mdstream.operations.maintain import maintain_stores
from mdstream.runtime.java import QUICK_COMPILING, WITHOUT_TRACES
from mdstream.runtime.process import Child

COOLDOWN_SECONDS = 60
_STOP_SECONDS = 120.0
_LOOK_SECONDS = 0.5
_TORN = re.compile(r"the file (/\S+) is torn")


@dataclass
class Event:
    """Something that was done, or happened.

    Attributes:
        time: When it began, in epoch seconds.
        ended: When it was over.
    """

    time: float
    ended: float
    kind: str
    target: str
    expected: bool = True


@dataclass
class Process:
    """A process of the product, which is started again when it ends."""

    name: str
    arguments: list[str]
    child: Child | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)
    started: float = 0.0
    log_begin: int = 0


class Stage:
    """All of it, while the `with` block runs.

    Args:
        servers: Servers that run.
        windows: Length in seconds by name.
        slack: Where alerts go.
        seed: Decides which file is torn, and how much of it is left.

    Attributes:
        settings: The configuration of the processes.
        events: Faults, and processes that ended by themselves.
    """

    def __init__(self, servers: LocalServers, windows: dict[str, int], slack: str, seed: int) -> None:
        self.servers = servers
        self.events: list[Event] = []
        self._random = Random(f"stage {seed}")
        self._folder = servers.run.path
        configured = [{"name": name, "duration": seconds} for name, seconds in windows.items()]
        self.settings = servers.settings(Settings(window_configurations=configured))
        self._environment = self._variables(json.dumps(configured), slack)
        self.rest_port, self.websocket_port = free_port(), free_port()
        self._processes = {
            JOBS: Process(JOBS, ["run", "live_bars", "store_ticks", "analytics"]),
            "api": Process("api", ["api", "--host", HOST, "--port", str(self.rest_port)]),
            "websocket": Process("websocket", ["websocket", "--host", HOST, "--port", str(self.websocket_port)]),
            "alerts": Process("alerts", ["alerts"]),
        }
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._supervise)

    def _variables(self, windows: str, slack: str) -> dict[str, str]:
        temporary = self._folder / "temporary"
        temporary.mkdir(exist_ok=True)
        java = f"-Djava.io.tmpdir={temporary} {WITHOUT_TRACES} {QUICK_COMPILING}"
        spark = {"spark.local.dir": str(temporary), "spark.driver.defaultJavaOptions": java}
        return {
            **os.environ,
            **self.servers.environment(),
            "MDSTREAM_WINDOW_CONFIGURATIONS": windows,
            "MDSTREAM_SPARK__CHECKPOINT_LOCATION": str(self._folder / "checkpoints"),
            # Short, so that the kills fall behind checkpoints as well as between them.
            "MDSTREAM_SPARK__REAL_TIME_TRIGGER": "8 seconds",
            "MDSTREAM_SPARK__HEAD_START_SECONDS": "1",
            "MDSTREAM_SPARK__CONF": json.dumps(spark),
            "MDSTREAM_SPARK__TRACE_FOLDER": str(temporary),
            "MDSTREAM_SERVING__API_KEYS": "[]",
            "MDSTREAM_ALERTS__COOLDOWN_SECONDS": str(COOLDOWN_SECONDS),
            "SLACK_WEBHOOK_URL": slack,
            "SPARK_LAUNCHER_OPTS": WITHOUT_TRACES,
            "TMPDIR": str(temporary),
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Make topics and tables, and keep all processes running in the block."""
        create_topics(self.settings.kafka, plan_topics(self.settings))
        maintain_stores(self.settings)
        for process in self._processes.values():
            self._start(process)
        self._thread.start()
        try:
            yield
        finally:
            self.end_supervision()
            for process in self._processes.values():
                self._end(process, signal.SIGTERM)

    def end_supervision(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def started(self, name: str) -> float:
        """When a process was started last, in epoch seconds."""
        return self._processes[name].started

    def log_of(self, name: str) -> Path:
        """Return where a process writes what it says."""
        return self._folder / f"{name}.log"

    def apply(self, fault: Fault) -> None:
        """Do to a process or server what a fault says, and return when it is over."""
        event = Event(time.time(), 0.0, fault.kind.value, fault.target)
        self.events.append(event)
        if fault.target in self._processes:
            self._apply_to(self._processes[fault.target], fault)
        else:
            self._apply_to_server(fault)
        event.ended = time.time()

    def _apply_to(self, process: Process, fault: Fault) -> None:
        with process.lock:
            if fault.kind is Kind.PAUSE:
                if process.child is not None:
                    _pause(process.child.pid, fault.lasts_seconds)
                return
            self._end(process, signal.SIGTERM if fault.kind is Kind.DEPLOY else signal.SIGKILL)
            if fault.kind is Kind.TEAR:
                self._tear()
            self._start(process)

    def _apply_to_server(self, fault: Fault) -> None:
        server: LocalServer = getattr(self.servers, fault.target)
        if fault.kind is Kind.PAUSE:
            child = server._child  # noqa: SLF001 - nobody else stops it
            if child is not None:
                _pause(child.pid, fault.lasts_seconds)
            return
        server.kill()
        time.sleep(fault.lasts_seconds)
        server.start()

    def _tear(self) -> None:
        """Cut the last file of a query's log short, as the crash of a machine does."""
        folders = [folder for folder in self._folder.glob("checkpoints/*/*") if folder.name in {"offsets", "commits"}]
        logs = [[file for file in sorted(folder.iterdir()) if file.name.isdecimal()] for folder in sorted(folders)]
        if found := [files for files in logs if files]:
            last = max(self._random.choice(found), key=lambda file: int(file.name))
            os.truncate(last, self._random.randrange(max(1, last.stat().st_size)))
            last.with_name(f".{last.name}.crc").unlink(missing_ok=True)

    def _start(self, process: Process) -> None:
        command = [sys.executable, "-m", "mdstream", *process.arguments]
        log = self.log_of(process.name)
        process.log_begin = log.stat().st_size if log.exists() else 0
        process.started = time.time()
        process.child = self.servers.run.start(process.name, command, environment=self._environment, cwd=Path.cwd())

    def _end(self, process: Process, number: signal.Signals) -> None:
        child, process.child = process.child, None
        if child is None:
            return
        if number is signal.SIGKILL:
            child.end(0)
            return
        child.ask_to_stop(number)
        child.end(_STOP_SECONDS)
        if child.exit_code not in {0, -signal.SIGTERM}:
            now = time.time()
            self.events.append(Event(now, now, f"code {child.exit_code} at SIGTERM", process.name, expected=False))

    def _supervise(self) -> None:
        """Start again what has ended by itself, and do what the operations guide says about a torn file."""
        while not self._stop.wait(_LOOK_SECONDS):
            for process in self._processes.values():
                if not process.lock.acquire(blocking=False):
                    continue
                try:
                    self._look_after(process)
                finally:
                    process.lock.release()

    def _look_after(self, process: Process) -> None:
        child = process.child
        if child is None or child.exit_code is None:
            return
        now = time.time()
        torn = set(_TORN.findall(child.log.read_bytes()[process.log_begin :].decode(errors="replace")))
        kind = "a torn file was named and deleted" if torn else f"ended by itself with code {child.exit_code}"
        self.events.append(Event(now, now, kind, process.name, expected=bool(torn)))
        for name in torn:
            file = Path(name)
            file.unlink(missing_ok=True)
            file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
        child.end(0)
        self._start(process)


def _pause(pid: int, seconds: float) -> None:
    """Stop a process and all below it for some seconds."""
    with suppress(psutil.Error):
        top = psutil.Process(pid)
        family = [top, *top.children(recursive=True)]
        for each in family:
            with suppress(psutil.Error):
                each.suspend()
        time.sleep(seconds)
        for each in family:
            with suppress(psutil.Error):
                each.resume()
