"""One run: faults and ticks, then quiet, then the comparison."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import sqlalchemy as sa
from confluent_kafka import Consumer, KafkaException

from bench.chaos.outcome import Tables, end_of
from bench.chaos.plants import Plant, plant
from bench.chaos.schedule import JOBS, Fault, Kind, schedule
from bench.chaos.sender import Sender
from bench.chaos.slack import Slack
from bench.chaos.stage import Stage
from bench.chaos.ticks import Tape
from bench.chaos.verdict import judge
from bench.chaos.violations import Violation, summary
from bench.chaos.watch import Watch
from mdstream.embedded import LocalServers
from mdstream.schemas import BAR, STORED_TICK

_LOOK_SECONDS = 0.3
_START_SECONDS = 600
_UP_SECONDS = 900.0
_QUIET_SECONDS = 600.0
_SHOWN = 50
_STILL_SECONDS = 12.0
_LENGTHS = (5, 10, 20, 30, 60)
_MOST_BARS = 400
"""Fewer than the 600 that the engine keeps, with those that late ticks add: longer runs have longer bars."""


@dataclass(frozen=True)
class Options:
    """What a run is.

    Attributes:
        seed: Decides ticks and faults.
        minutes: How long there are faults.
        kills: So many SIGKILLs of the jobs there are at least, however long that takes.
        rate: Ticks a second.
        symbols: How many.
        planted: A fault of the product that has to be found.
        logs: Folder that gets the logs of all processes in the end.
    """

    seed: int
    minutes: float
    kills: int = 0
    rate: float = 200.0
    symbols: int = 20
    planted: Plant | None = None
    logs: Path | None = None


def windows_for(minutes: float) -> dict[str, int]:
    """Return two windows that have enough bars for their indicators, and not too many for their history."""
    seconds = next((each for each in _LENGTHS if minutes * 60 / each <= _MOST_BARS), _LENGTHS[-1])
    return {f"{each}s": each for each in (seconds, 3 * seconds)}


def run(options: Options, say: Callable[[str], None]) -> list[Violation]:
    """Run it and return what was violated; the last thing it says is the summary."""
    windows = windows_for(options.minutes)
    tape = Tape(options.seed, options.symbols)
    servers = LocalServers()
    for server in (servers.kafka, servers.postgres, servers.redis):
        # A machine that has other things to do is not a fault of theirs.
        server.start_seconds = _START_SECONDS  # type: ignore[misc]
    with servers, Slack().running() as slack:
        stage = Stage(servers, windows, slack.url, options.seed)
        sender = Sender(servers.kafka.bootstrap_servers, tape, options.rate)
        with _kept_logs(servers, options.logs), stage.running():
            watch = _watch(stage, tape, list(windows))
            tables = Tables(stage.settings)
            with watch.watching():
                _disturb(stage, sender, options, say)
                time.sleep(max(windows.values()))
                last = sender.close_bars()
                bars = options.symbols * len(windows)
                _wait_for(lambda: tables.bars_with(last) >= bars)
                say(f"still after {_wait_until_still(stage, sender, tables):.0f} s")
                if options.planted:
                    plant(options.planted, servers.kafka.bootstrap_servers, sender, tables)
                if options.planted is Plant.DOUBLE:
                    _wait_until_still(stage, sender, tables)
            violations = judge(stage, sender, slack.alerts, windows, tables, say)
        violations += [*watch.back, *watch.silent, *(Violation("lost", text) for text in sender.failed)]
    _report(stage, watch, violations, say)
    say(summary(sum(event.expected for event in stage.events), len(sender.values), violations))
    return violations


@contextmanager
def _kept_logs(servers: LocalServers, folder: Path | None) -> Iterator[None]:
    try:
        yield
    finally:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for log in servers.run.path.glob("*.log"):
                shutil.copy(log, folder)


def _report(stage: Stage, watch: Watch, violations: Sequence[Violation], say: Callable[[str], None]) -> None:
    for name, memory in watch.memories.items():
        say(f"{name}: answered {memory.looks} times")
    counts = Counter((event.target, event.kind, event.expected) for event in stage.events)
    for (target, kind, expected), count in sorted(counts.items()):
        say(f"{count} x {target}: {kind}{'' if expected else ' (nobody has asked for it)'}")
    for violation in violations[:_SHOWN]:
        say(f"{violation.kind}: {violation.what}")


def _watch(stage: Stage, tape: Tape, windows: list[str]) -> Watch:
    rest, websocket = f"http://127.0.0.1:{stage.rest_port}", f"ws://127.0.0.1:{stage.websocket_port}"
    return Watch(stage.settings, rest, websocket, tape.symbols, windows)


def _disturb(stage: Stage, sender: Sender, options: Options, say: Callable[[str], None]) -> None:
    """Send ticks while one fault follows the other."""
    sender.start()
    try:
        _do_harm(stage, options, say)
    finally:
        sender.stop()
    say("no more faults and ticks")


def _do_harm(stage: Stage, options: Options, say: Callable[[str], None]) -> None:
    kills = 0

    def goes_on(_: Fault) -> bool:
        return kills < options.kills or time.monotonic() - began < options.minutes * 60

    alive = Pulse(stage)
    alive.wait()
    began = time.monotonic()
    for fault in takewhile(goes_on, schedule(options.seed)):
        if fault.when_up:
            waited = alive.wait()
            say(f"the live engine wrote {waited:.0f} s after its start")
        time.sleep(fault.after_seconds)
        length = f" for {fault.lasts_seconds:.0f} s" if fault.lasts_seconds else ""
        say(f"{time.monotonic() - began:5.0f} s: {fault.target}: {fault.kind}{length}")
        stage.apply(fault)
        kills += fault.kind is Kind.KILL and fault.target == JOBS


class Pulse:
    """Says whether the live engine writes."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._consumer = Consumer(
            {"bootstrap.servers": stage.settings.kafka.bootstrap_servers, "group.id": "pulse", "log_level": 0}
        )
        self._bars = 0

    def wait(self) -> float:
        """Return when a bar was written since the last start of the jobs; how many seconds behind that it is now."""
        deadline = time.monotonic() + _UP_SECONDS
        since = 0.0
        while time.monotonic() < deadline:
            started = self._stage.started(JOBS)
            with suppress(KafkaException):
                # A broker that has only just come back may know less for a moment.
                before, self._bars = self._bars, max(self._bars, end_of(self._consumer, BAR.topic_name))
                if since == started and self._bars > before:
                    return time.time() - started
                since = started
            time.sleep(_LOOK_SECONDS)
        raise TimeoutError(f"no bar within {_UP_SECONDS:g} s; the log is {self._stage.log_of(JOBS)}")


def _wait_until_still(stage: Stage, sender: Sender, tables: Tables) -> float:
    """Return when nothing changes any more, or when that takes too long: then what is missing is lost."""
    began = time.monotonic()
    counts = _counts(stage, tables)
    before, since = next(counts), time.monotonic()
    for now in counts:
        if now != before:
            before, since = now, time.monotonic()
        is_complete = now[0] >= len(sender.trades)
        still = time.monotonic() - since
        if (is_complete and still > _STILL_SECONDS) or time.monotonic() - began > _QUIET_SECONDS:
            break
        time.sleep(1)
    return time.monotonic() - began


def _wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something holds, or that takes too long: a process that has just been started may stand still."""
    deadline = time.monotonic() + _QUIET_SECONDS
    while time.monotonic() < deadline:
        with suppress(sa.exc.SQLAlchemyError):
            if condition():
                return
        time.sleep(1)


def _counts(stage: Stage, tables: Tables) -> Iterator[tuple[int, ...]]:
    consumer = Consumer({"bootstrap.servers": stage.settings.kafka.bootstrap_servers, "group.id": "pulse"})
    topics = [record.topic_name for record in stage.settings.topic_records]
    stored = (STORED_TICK, BAR, stage.settings.indicator_record)
    while True:
        with suppress(KafkaException, sa.exc.SQLAlchemyError):
            yield (*(tables.count(record) for record in stored), *(end_of(consumer, topic) for topic in topics))
        time.sleep(1)
