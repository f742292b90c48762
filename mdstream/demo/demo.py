"""Runs the demo from the start of its servers to the last look at what came out."""

from __future__ import annotations

import http.client
import json
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

from mdstream.config import Settings
from mdstream.demo.fetching import fetch_jars_of_demo
from mdstream.demo.meter import Meter, Snapshot
from mdstream.demo.past import Past, make_past, opening_of, store_past
from mdstream.demo.processes import DemoOptions, DemoProcesses, example_symbol, with_checkpoints
from mdstream.embedded.server import HOST
from mdstream.embedded.servers import LocalServers
from mdstream.errors import ServerError
from mdstream.kafka.latency import Latency
from mdstream.kafka.topics import create_topics, plan_topics
from mdstream.operations.maintain import maintain_stores
from mdstream.runtime.java import find_java
from mdstream.schemas import BAR, STORED_TICK

_LOOK_SECONDS = 0.2
_SNAPSHOT_SECONDS = 1.0
_FIRST_BAR_SECONDS = 300.0
_DRAIN_SECONDS = 120.0
# Long enough for jobs that have only just begun; usually it is a second.
_HURRIED_DRAIN_SECONDS = 45.0
_REST_SECONDS = 10.0


@dataclass(frozen=True)
class Summary:
    """What the demo saw.

    Attributes:
        seconds: From the start of the feed to its end.
        ticks: Ticks in Kafka.
        bars: Bar revisions in Kafka.
        dead_letters: Refused inputs.
        stored_ticks: Ticks in the database, counted.
        stored_bars: Bars in the database, counted.
        latency: From tick to bar, after the warm-up; None if no bar came by then.
        served_bar: A bar that the REST API returned; None if it had none.
        served_from: Where it was asked for.
    """

    seconds: float
    ticks: int
    bars: int
    dead_letters: int
    stored_ticks: int
    stored_bars: int
    latency: Latency | None
    served_bar: dict[str, Any] | None
    served_from: str


class Demo:
    """mdstream with servers of its own, running while the `with` block does.

    Args:
        options: What it shows.
        settings: The configuration; its addresses are replaced.
        say: Called with each step of the start.

    Attributes:
        servers: Its servers.
        symbol: A symbol of which there will be bars.

    Raises:
        InvalidInputError: The file to replay cannot be read as ticks.
    """

    def __init__(self, options: DemoOptions, settings: Settings, say: Callable[[str], None]) -> None:
        self._options = options
        self._say = say
        self._settings = settings
        self._end = ExitStack()
        self._opening = opening_of(datetime.now(UTC)) if options.replay is None else None
        self.symbol = example_symbol(options, settings)

    def __enter__(self) -> Self:
        with ExitStack() as steps:
            self._start(steps)
            self._end = steps.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._say("stopping")
        self._end.__exit__(kind, error, trace)

    def _start(self, steps: ExitStack) -> None:
        fetch_jars_of_demo(self._settings.spark.packages, find_java(), self._say)
        self._say("starting Kafka, PostgreSQL and Redis")
        with ThreadPoolExecutor() as pool:
            past = pool.submit(self._make_past)
            self.servers = steps.enter_context(LocalServers(small=self._options.is_small))
        settings = with_checkpoints(self.servers.settings(self._settings), self.servers.run)
        self._say("making topics, tables and the days before")
        create_topics(settings.kafka, plan_topics(settings))
        maintain_stores(settings)
        self._meter = Meter(settings, self._store_past(settings, past.result()))
        steps.callback(self._meter.close)
        self._say("starting Spark, the REST API, the WebSocket server and the dashboard")
        self._processes = DemoProcesses(self.servers, self._options, self._settings)
        steps.push(self._processes.__exit__)
        self._began = time.monotonic()
        while not self._processes.is_reading():
            self._check()
            time.sleep(_LOOK_SECONDS)
        self._say("starting the feed")
        self._processes.start_feed(self._opening)
        self._began = time.monotonic()

    def _make_past(self) -> Past | None:
        """Make what there was before a made-up market opened; there is none of a file."""
        options = self._options
        if self._opening is None:
            return None
        return make_past(self._settings, options.symbols, options.rate, self._opening)

    @staticmethod
    def _store_past(settings: Settings, past: Past | None) -> int:
        """Store it before Spark looks for the bars that indicators begin with; return how many bars."""
        if past is None:
            return 0
        store_past(settings, past)
        return len(past.bars)

    @property
    def rest_port(self) -> int:
        """Where its REST API listens."""
        return self._processes.rest_port

    @property
    def websocket_url(self) -> str:
        """Where its WebSocket server is."""
        return f"ws://{HOST}:{self._processes.websocket_port}"

    @property
    def dashboard_url(self) -> str | None:
        """Where its dashboard is; None if what that needs is not installed."""
        port = self._processes.dashboard_port
        return None if port is None else f"http://{HOST}:{port}"

    @property
    def things_to_try(self) -> tuple[tuple[str, str], ...]:
        """What to do next, and the line to type: dashboard, API, WebSocket server."""
        dashboard = (("see it", self.dashboard_url),) if self.dashboard_url else ()
        wanted = json.dumps({"type": "subscribe", "symbols": [self.symbol], "channels": ["bar"]}, separators=(",", ":"))
        return (
            *dashboard,
            ("ask it", f"curl '{self.bars_url}&limit=3'"),
            ("listen to it", f"echo '{wanted}' | websocat -n {self.websocket_url}"),
        )

    @property
    def bars_url(self) -> str:
        """Where the REST API has the bars of a symbol."""
        return f"http://{HOST}:{self.rest_port}{self._bars_path}"

    @property
    def _bars_path(self) -> str:
        window = urlencode({"window": self._settings.windows[0].name})
        return f"/api/v1/aggregated/{quote(self.symbol)}?{window}"

    @property
    def environment_file(self) -> Path:
        """A file of shell commands that point another terminal at the demo; it is made when it is asked for."""
        path = self.servers.run.path / "environment"
        if not path.exists():
            path.touch(mode=0o600)
            lines = [f"export {name}={shlex.quote(value)}\n" for name, value in self.servers.environment().items()]
            # `mdstream` is found there too where its virtual environment is not activated.
            lines.append(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"\n')
            path.write_text("".join(lines), encoding="utf-8")
        return path

    def watch(self) -> Iterator[Snapshot]:
        """Yield what there is, once a second, until the demo's time is over; it counts from the first bar.

        Raises:
            ServerError: A server or a process ended, or no bar came; the message has the end of its log.
        """
        due = self._began
        while not self._is_over():
            self._check()
            if time.monotonic() >= due:
                yield self._meter.snapshot()
                due += _SNAPSHOT_SECONDS
            time.sleep(_LOOK_SECONDS)

    def finish(self, *, in_a_hurry: bool = False) -> Summary:
        """Stop the feed, wait until what it sent is stored, and return what came out.

        Args:
            in_a_hurry: Wait for seconds only, here and at the end: somebody wants to be gone.

        Raises:
            ServerError: A server or a process ended; the message has the end of its log.
        """
        self._processes.in_a_hurry = in_a_hurry
        self._processes.stop_feed()
        seconds = time.monotonic() - self._began
        self._wait_until_stored(_HURRIED_DRAIN_SECONDS if in_a_hurry else _DRAIN_SECONDS)
        last = self._meter.snapshot()
        bar, address = self._serve_a_bar()
        return Summary(
            seconds=seconds,
            ticks=last.ticks,
            bars=last.bars,
            dead_letters=last.dead_letters,
            stored_ticks=self._meter.count_rows(STORED_TICK),
            stored_bars=self._meter.count_rows(BAR),
            latency=last.since_start,
            served_bar=bar,
            served_from=address,
        )

    @property
    def feed_has_ended(self) -> bool:
        """Whether the replayed file has come to its end."""
        return self._processes.feed_has_ended

    def _is_over(self) -> bool:
        first = self._meter.latency.first_bar
        if first is None or self._options.seconds is None:
            return False
        return time.monotonic() > first + self._options.seconds

    def _check(self) -> None:
        self.servers.check()
        self._processes.check()
        if self._meter.latency.first_bar is None and time.monotonic() > self._began + _FIRST_BAR_SECONDS:
            log = self._processes.spark.log_tail()
            raise ServerError(f"no bar came within {_FIRST_BAR_SECONDS:g} s; the log of Spark ends:\n{log}")

    def _wait_until_stored(self, longest_seconds: float) -> None:
        """Return when everything is in the database and nothing comes any more, or when that takes too long."""
        deadline = time.monotonic() + longest_seconds
        before = None
        while time.monotonic() < deadline:
            self._check()
            now = self._meter.snapshot()
            if now.ticks_behind == now.bars_behind == 0 and before == (now.ticks, now.bars):
                return
            before = now.ticks, now.bars
            time.sleep(_SNAPSHOT_SECONDS)

    def _serve_a_bar(self) -> tuple[dict[str, Any] | None, str]:
        """Ask the REST API for the newest bar of a symbol, one of its ticks."""
        since = f"&{urlencode({'start': self._opening.isoformat()})}" if self._opening else ""
        page = self._get(f"{self._bars_path}&limit=1{since}") or {}
        bars = page.get("items") or [None]
        return bars[0], f"{self.bars_url}&limit=1{since}"

    def _get(self, path: str) -> dict[str, Any] | None:
        connection = http.client.HTTPConnection(HOST, self.rest_port, timeout=_REST_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            raise ServerError(f"the REST API does not answer {path}: {exc}") from exc
        finally:
            connection.close()
        found: dict[str, Any] | None = json.loads(body) if answer.status == http.client.OK else None
        return found
