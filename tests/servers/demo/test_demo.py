from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import psutil
import pytest

from mdstream.config import Settings
from mdstream.demo import DemoOptions, processes
from mdstream.embedded import LocalServers
from tests.servers.embedded.processes import names_of, open_to_others, words_of
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.timeout(900)]

_TICKS = """\
{"symbol":"ACME","price":10,"size":100,"event_time":"2024-03-01T14:30:00Z","sequence":1,"conditions":["regular"]}
{"symbol":"ACME","price":99,"size":5,"event_time":"2024-03-01T14:30:10Z","sequence":2,"conditions":["odd"]}
{"symbol":"ACME","price":12,"size":300,"event_time":"2024-03-01T14:30:20Z","sequence":3,"conditions":["regular"]}
{"symbol":"ACME","price":9,"size":100,"event_time":"2024-03-01T14:30:59.999999Z","sequence":4,"conditions":[]}
"""
_CONDITIONS = "code,open_close,high_low,volume\nodd,false,false,true\n*,true,true,true\n"

_SERVED = {
    "symbol": "ACME",
    "window": "1min",
    "window_start": "2024-03-01T14:30:00Z",
    "open": "10.0",
    "high": "12.0",
    "low": "9.0",
    "close": "9.0",
    "volume": "505.0",
    "vwap": "11.0",  # (1,000 + 3,600 + 900) / 500
    "trade_count": "4",
}

_LITTLE = ("--rate", "50", "--symbols", "1")


@contextmanager
def _demo(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A demo whose output is not a terminal; it is killed if the test leaves it running."""
    command = [sys.executable, "-m", "mdstream", "demo", *arguments]
    # How long live bars are alone at first is not looked at here.
    environment = {**os.environ, "MDSTREAM_SPARK__HEAD_START_SECONDS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield process
        finally:
            process.kill()


def _until_bars_are_stored(demo: subprocess.Popen[str]) -> str:
    """Return what the demo said once it has said that bars are in the database, which the REST API reads."""
    assert demo.stdout
    said = ""
    for line in demo.stdout:
        said += line
        if re.search(r"stored [\d,]+ ticks, [1-9][\d,]* bars", line):
            return said
    raise AssertionError(demo.stderr and demo.stderr.read())


def _of_command(name: str, demo: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the processes of the demo that run a command of mdstream."""
    processes = psutil.Process(demo.pid).children(recursive=True)
    return [process for process in processes if {"mdstream", name} <= {*words_of(process)}]


def _javas(demo: subprocess.Popen[str]) -> set[str]:
    """Return which of the demo's Javas are there."""
    words = [words_of(process) for process in psutil.Process(demo.pid).children(recursive=True)]
    lines = [" ".join(each) for each in words if each and each[0].endswith("java")]
    return {
        name
        for name, word in {"broker": "kafka.Kafka", "Spark": "SparkSubmit"}.items()
        if any(word in line for line in lines)
    }


def _assert_nothing_is_left(processes: list[psutil.Process]) -> None:
    names = names_of(processes)
    assert psutil.wait_procs(processes, timeout=60)[1] == [], names


def test_real_input_is_served_as_bars_computed_by_hand_until_sigterm(tmp_path: Path) -> None:
    (tmp_path / "ticks.jsonl").write_text(_TICKS)
    (tmp_path / "conditions.csv").write_text(_CONDITIONS)
    files = ("--replay", str(tmp_path / "ticks.jsonl"), "--conditions", str(tmp_path / "conditions.csv"))
    out = _assert_signal_ends_it_and_leaves_nothing(signal.SIGTERM, *files)
    assert "4 sent, 4 in the database" in out
    served = dict(re.findall(r"^\s+(\w+): (\S+)\s*$", out, re.MULTILINE))
    assert {name: served.get(name) for name in _SERVED} == _SERVED


def test_a_made_up_market_is_shown_until_ctrl_c() -> None:
    def look(said: str) -> None:
        _assert_there_is_a_past(said)
        _assert_another_terminal_finds_mdstream(said)

    _assert_signal_ends_it_and_leaves_nothing(signal.SIGINT, *_LITTLE, look=look)


def _assert_another_terminal_finds_mdstream(said: str) -> None:
    """Where no virtual environment is activated."""
    [file] = re.findall(r"\. (/\S+);", said)
    found = subprocess.run(
        ["sh", "-c", f". {file}; command -v mdstream"], env={"PATH": os.defpath}, capture_output=True, text=True
    )
    assert found.stdout.strip() == str(Path(sys.executable).with_name("mdstream"))


def _assert_there_is_a_past(said: str) -> None:
    """Bars of days before the first tick are served, and the first indicators know them: 200 bars of 15 minutes."""
    [api] = re.findall(r"http://127\.0\.0\.1:\d+/api/v1", said)
    asked: dict[str, str | int] = {"window": "15min", "limit": 500, "order": "asc"}
    bars = httpx.get(f"{api}/aggregated/AAPL", params=asked, trust_env=False).json()["items"]
    assert len(bars) >= 3 * 96
    starts = [datetime.fromisoformat(bar["window_start"]) for bar in bars]
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(minutes=15)}
    until(lambda: _newest_average(api, starts[-1]) is not None)


def _newest_average(api: str, newest: datetime) -> float | None:
    """Return the average of 200 bars of 15 minutes as of the newest bar, which ticks have made."""
    asked: dict[str, str | int] = {"window": "15min", "limit": 1, "start": newest.isoformat()}
    found = httpx.get(f"{api}/indicators/AAPL", params=asked, trust_env=False).json().get("items")
    return found[0]["sma_200"] if found else None


def _assert_signal_ends_it_and_leaves_nothing(
    number: signal.Signals, *arguments: str, look: Callable[[str], None] | None = None
) -> str:
    """Return what the demo said at its end; `look` has a look while it runs, and is told what it said so far."""
    with _demo(*arguments) as demo:
        said = _until_bars_are_stored(demo)
        processes = psutil.Process(demo.pid).children(recursive=True)
        if look:
            look(said)
        assert {"java", "postgres", "valkey-server"} <= names_of(processes)
        assert open_to_others(processes) == set()
        [folder] = {part for process in processes for part in _run_folders(process)}
        demo.send_signal(number)
        out, err = demo.communicate()
    assert demo.returncode == 0, err
    assert "what the demo saw" in out
    assert not Path(folder).exists()
    _assert_nothing_is_left(processes)
    return out


def test_sigkill_leaves_nothing() -> None:
    with _demo(*_LITTLE) as demo:
        until(lambda: _of_command("dashboard", demo) and _javas(demo) == {"broker", "Spark"}, 240)
        processes = psutil.Process(demo.pid).children(recursive=True)
        [folder] = {part for process in processes for part in _run_folders(process)}
        demo.kill()
    _assert_nothing_is_left(processes)
    until(lambda: not Path(folder).exists())


def test_a_process_that_dies_ends_it_with_the_reason() -> None:
    with _demo(*_LITTLE) as demo:
        until(lambda: _of_command("dashboard", demo))  # which starts when the API listens
        processes = psutil.Process(demo.pid).children(recursive=True)
        [api] = _of_command("api", demo)
        os.kill(api.pid, signal.SIGKILL)
        _, err = demo.communicate()
    assert demo.returncode == 1
    assert "rest-api ended with code -9; its log ends:" in err
    assert "REST API on http://127.0.0.1" in err
    _assert_nothing_is_left(processes)


def test_api_takes_another_port_if_someone_else_was_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when two demos start at once: the port is free when it is chosen, and taken when the API wants it."""
    monkeypatch.setattr(processes, "is_free", lambda port: port > 0)
    monkeypatch.setattr(processes, "_JOBS", ())  # Spark would take longer than all others
    with LocalServers() as servers, socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        running = processes.DemoProcesses(servers, DemoOptions(), Settings(serving={"rest_port": taken}))
        assert running.rest_port != taken
        socket.create_connection(("127.0.0.1", running.rest_port)).close()
        running.stop()


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("--conditions", "code\n", "code,open_close,high_low,volume"),
        ("--replay", "symbol,price,size,event_time\n", "no usable tick"),
        ("--replay", "symbol,price\n", "event_time"),
    ],
)
def test_unusable_input_is_refused_before_anything_starts(tmp_path: Path, option: str, content: str, said: str) -> None:
    (tmp_path / "input.csv").write_text(content)
    with _demo(option, str(tmp_path / "input.csv")) as demo:
        out, err = demo.communicate()
    assert demo.returncode == 1
    assert said in err
    assert "starting" not in out + err


def _run_folders(process: psutil.Process) -> set[str]:
    found = (re.search(rf"{tempfile.gettempdir()}/mdstream-\w+", word) for word in words_of(process))
    return {match[0] for match in found if match}
