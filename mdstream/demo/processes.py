"""The processes of mdstream that the demo runs, and what they are told."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType

import psutil

from mdstream.config import CONFIG_VARIABLE, Settings
from mdstream.config.jobs import ANALYTICS_JOB, LIVE_JOB, STORE_JOB
from mdstream.embedded.server import HOST, free_port, is_free
from mdstream.embedded.servers import LocalServers
from mdstream.errors import InvalidInputError, ServerError
from mdstream.feeds.files import read_ticks
from mdstream.runtime.java import QUICK_COMPILING, WITHOUT_TRACES
from mdstream.runtime.process import Child
from mdstream.runtime.run import RunFolder
from mdstream.schemas.text_lists import read_symbols

_STOP_SECONDS = 45
_HURRIED_STOP_SECONDS = 8
_LOOK_SECONDS = 0.1
# Up to this many ticks a second and symbols, what live bars and micro-batches have in Java's memory is 180 MB.
_SMALL_RATE = 1000
_SMALL_SYMBOLS = 100
_HEAP = "spark.driver.memory"
_SMALL_HEAP = "640m"
_JOBS = (LIVE_JOB, STORE_JOB, ANALYTICS_JOB)


@dataclass(frozen=True)
class DemoOptions:
    """What the demo shows.

    Attributes:
        seconds: It ends after this long; None: when it is told to.
        replay: A file of ticks to replay; None for synthetic ticks.
        speed: How fast the file is replayed.
        shift_to_now: Whether the file's event times are moved to the present.
        conditions: Which trades may shape a bar, as a CSV file.
        symbols: Only these, or how many synthetic ones; None for the configured ones, or all of the file.
        rate: Synthetic ticks a second.
        config: The configuration file, if not the usual one.
    """

    seconds: float | None = None
    replay: Path | None = None
    speed: str = "max"
    shift_to_now: bool = False
    conditions: Path | None = None
    symbols: str | None = None
    rate: float = 1000
    config: Path | None = None

    @property
    def is_small(self) -> bool:
        """Whether little comes: then Java does with little memory."""
        asked = (self.symbols or "").strip()
        symbols = int(asked) if asked.isdecimal() else asked.count(",")
        return self.replay is None and self.rate <= _SMALL_RATE and symbols <= _SMALL_SYMBOLS


class DemoProcesses:
    """The Spark application, what serves its results, and the feed, as processes of their own; the feed comes last.

    Args:
        servers: The running servers.
        options: What the demo shows.
        settings: The configuration; what serves listens where it says, if those ports are free.

    Attributes:
        spark: The Spark application.
        rest_port: Where the API listens.
        websocket_port: Where the WebSocket server listens.
        dashboard_port: Where the dashboard listens; None if what it needs is not installed.
        in_a_hurry: Whether they are stopped without much patience: what they have is thrown away.

    Raises:
        ServerError: One of them does not start; the message has the end of its log.
    """

    def __init__(self, servers: LocalServers, options: DemoOptions, settings: Settings) -> None:
        serving = settings.serving
        self._run = servers.run
        self._options = options
        self.in_a_hurry = False
        self._environment = os.environ | demo_environment(servers, options, settings)
        self.spark = self._start("spark", "run", *_JOBS)
        self._feed: Child | None = None
        self._feed_is_stopped = False
        self._serving: list[Child] = []
        self.rest_port = self._serve("rest-api", "api", serving.rest_port)
        self.websocket_port = self._serve("websocket", "websocket", serving.websocket_port)
        self.dashboard_port: int | None = None
        if importlib.util.find_spec("dash"):
            self._environment |= {
                "MDSTREAM_SERVING__DASHBOARD__REST_URL": f"http://{HOST}:{self.rest_port}",
                "MDSTREAM_SERVING__DASHBOARD__WEBSOCKET_URL": f"ws://{HOST}:{self.websocket_port}",
            }
            self.dashboard_port = self._serve("dashboard", "dashboard", serving.dashboard_port)

    @property
    def feed_has_ended(self) -> bool:
        """Whether the feed came to the end of its file."""
        return self._feed is not None and self._feed.exit_code == 0

    def is_reading(self) -> bool:
        """Say whether Spark's query for live bars waits for ticks: then its task has opened its state."""
        return any(_checkpoints(self._run).glob(f"{_JOBS[0]}*/state/*/*"))

    def start_feed(self, since: datetime | None) -> None:
        """Let ticks come; those of a made-up market begin at `since`."""
        self._feed = self._start("feed", *feed_arguments(self._options, since))

    def check(self) -> None:
        """See that all still run; a feed may come to its end, or be stopped.

        Raises:
            ServerError: One ended; the message has the end of its log.
        """
        for child in self._children():
            if child.exit_code is not None and not (child is self._feed and self._feed_may_end_with(child.exit_code)):
                raise ServerError(f"{child.name} ended with code {child.exit_code}; its log ends:\n{child.log_tail()}")

    def stop_feed(self) -> None:
        """Let the feed deliver what it has begun, and end."""
        if self._feed:
            self._feed_is_stopped = True
            self._feed.ask_to_stop()
            self._feed.end(self._stop_seconds)

    def stop(self) -> None:
        """Stop all at the same time, as an operator would, and return when they have ended."""
        for child in self._children():
            child.ask_to_stop()
        deadline = time.monotonic() + self._stop_seconds
        for child in self._children():
            child.end(max(0.0, deadline - time.monotonic()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all, without much patience if something went wrong or somebody broke it off."""
        self.in_a_hurry |= kind is not None
        self.stop()

    @property
    def _stop_seconds(self) -> float:
        return _HURRIED_STOP_SECONDS if self.in_a_hurry else _STOP_SECONDS

    def _feed_may_end_with(self, code: int) -> bool:
        # The signal may meet a feed that has delivered all and no longer listens to it.
        return code == 0 or (self._feed_is_stopped and code == -signal.SIGTERM)

    def _serve(self, name: str, command: str, preferred: int) -> int:
        """Start what serves, and return where it listens: on the port it is to have, or on a free one."""
        for port in (preferred if is_free(preferred) else free_port(), free_port()):
            server = self._start(name, command, "--host", HOST, "--port", str(port))
            if _listens(server, port):
                self._serving.append(server)
                return port
        self.stop()
        raise ServerError(f"{name} does not start; its log ends:\n{server.log_tail()}")

    def _children(self) -> list[Child]:
        return [child for child in (self.spark, *self._serving, self._feed) if child is not None]

    def _start(self, name: str, *arguments: str) -> Child:
        command = [sys.executable, "-m", "mdstream", *arguments]
        return self._run.start(name, command, environment=self._environment, cwd=Path.cwd())


def _listens(child: Child, port: int) -> bool:
    """Wait until a process listens on a port; False if it ends before, as when another one was quicker."""
    while child.exit_code is None:
        with suppress(psutil.Error):
            if any(socket.laddr.port == port for socket in psutil.Process(child.pid).net_connections("tcp")):
                return True
        time.sleep(_LOOK_SECONDS)
    return False


def example_symbol(options: DemoOptions, settings: Settings) -> str:
    """Return a symbol of which there will be ticks.

    Raises:
        InvalidInputError: The file to replay has none in its beginning, or cannot be read as ticks.
    """
    if options.symbols and not options.symbols.strip().isdecimal():
        return next(iter(read_symbols(options.symbols)), options.symbols)
    if options.replay is None:
        return settings.symbols[0]
    for batch in read_ticks(options.replay):
        if batch.ticks.num_rows:
            return str(batch.ticks["symbol"][0])
    raise InvalidInputError(f"{options.replay} has no usable tick; `mdstream replay` says what is wrong with its rows")


def with_checkpoints(settings: Settings, run: RunFolder) -> Settings:
    """Return the settings with the checkpoints of the queries in the run folder."""
    return settings.model_copy(
        update={"spark": settings.spark.model_copy(update={"checkpoint_location": str(_checkpoints(run))})}
    )


def _checkpoints(run: RunFolder) -> Path:
    return run.path / "checkpoints"


def demo_environment(servers: LocalServers, options: DemoOptions, settings: Settings) -> dict[str, str]:
    """Return the variables that point mdstream at the servers, and keep all that it leaves behind in the run folder."""
    temporary = servers.run.path / "temporary"
    temporary.mkdir(exist_ok=True)
    options_of_java = [f"-Djava.io.tmpdir={temporary}", WITHOUT_TRACES]
    if options.replay is None:
        # At a rate that leaves time, the first minutes are shorter with quick compiling than with the best code.
        options_of_java.append(QUICK_COMPILING)
    spark = {
        "spark.local.dir": str(temporary),
        "spark.sql.warehouse.dir": str(temporary / "warehouse"),
        "spark.driver.defaultJavaOptions": " ".join(options_of_java),
    }
    if options.is_small and _HEAP not in settings.spark.conf:
        spark[_HEAP] = _SMALL_HEAP
    environment = servers.environment() | {
        "MDSTREAM_SPARK__CHECKPOINT_LOCATION": str(_checkpoints(servers.run)),
        "MDSTREAM_SPARK__CONF": json.dumps(spark),
        "MDSTREAM_SPARK__TRACE_FOLDER": str(temporary),
        "SPARK_LAUNCHER_OPTS": WITHOUT_TRACES,
        "MALLOC_ARENA_MAX": "2",
        "TMPDIR": str(temporary),
    }
    # Its servers are its own and listen here only: no keys of others are asked for.
    environment["MDSTREAM_SERVING__API_KEYS"] = "[]"
    if options.conditions:
        environment["MDSTREAM_TICKS__CONDITIONS_TABLE"] = str(options.conditions.absolute())
    if options.config:
        environment[CONFIG_VARIABLE] = str(options.config.absolute())
    return environment


def feed_arguments(options: DemoOptions, since: datetime | None = None) -> list[str]:
    """Return the arguments of `mdstream` that make it the feed.

    Args:
        options: What the demo shows.
        since: When a made-up market opened.
    """
    symbols = ["--symbols", options.symbols] if options.symbols else []
    if options.replay is None:
        opened = ["--since", since.isoformat()] if since else []
        return ["ingest", "--feed", "synthetic", "--rate", str(options.rate), *opened, *symbols]
    shift = ["--shift", "now"] if options.shift_to_now else []
    return ["replay", str(options.replay.absolute()), "--speed", options.speed, *shift, *symbols]
