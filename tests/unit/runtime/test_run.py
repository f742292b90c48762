from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mdstream.errors import ServerError
from mdstream.runtime.run import RunFolder
from tests.waiting import until

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
_OWNER = """
import os, signal, sys
from mdstream.runtime.run import RunFolder
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
run = RunFolder()
starter = "import subprocess, time; subprocess.Popen(['sleep', '1000'], start_new_session=True); time.sleep(1000)"
children = [
    run.start("sleeper", ["sh", "-c", "sleep 1000 & sleep 1000"]),
    run.start("starter", [sys.executable, "-c", starter]),
    run.start("polite", ["sleep", "1000"], crash_signal=signal.SIGTERM),
]
if sys.argv[2:] == ["stubborn"]:
    children.append(run.start("stubborn", ["sh", "-c", "trap '' TERM; sleep 1000"], crash_signal=signal.SIGTERM))
print(run.path, *(child.pid for child in children), flush=True)
for line in sys.stdin:
    pass
if sys.argv[1] == "close":
    run.close()
"""


@pytest.fixture
def run() -> Iterator[RunFolder]:
    with RunFolder() as folder:
        yield folder


def test_close_removes_the_folder_and_what_still_runs() -> None:
    with RunFolder() as run:
        (run.path / "data").write_text("x")
        processes = [psutil.Process(run.start(name, ["sleep", "1000"]).pid) for name in ("one", "two")]
    assert not run.path.exists()
    assert [process.is_running() for process in processes] == [False, False]


def test_what_is_in_the_folder_is_for_nobody_else(run: RunFolder) -> None:
    run.start("writer", ["sh", "-c", f"echo secret > {run.path}/data; mkdir {run.path}/folder; sleep 1000"])
    until((run.path / "folder").is_dir)

    # The group is that of the servers' own user, where we are root.
    assert run.path.stat().st_mode & 0o777 == (0o710 if os.geteuid() == 0 else 0o700)
    modes = {name: (run.path / name).stat().st_mode & 0o777 for name in ("writer.log", "data", "folder")}
    assert modes == {"writer.log": 0o600, "data": 0o600, "folder": 0o700}


def test_folder_is_closed_twice_without_harm() -> None:
    run = RunFolder()
    run.close()
    run.close()
    assert not run.path.exists()


@pytest.mark.parametrize(
    "death",
    [
        ["close"],
        ["return"],
        [signal.SIGINT],
        [signal.SIGTERM],
        [signal.SIGHUP],
        [signal.SIGKILL],
        ["return", "stubborn"],
    ],
)
def test_nothing_is_left_however_the_owner_ends(death: list[str | signal.Signals]) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, *map(str, death)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with owner:
        assert owner.stdin
        assert owner.stdout
        folder, *pids = owner.stdout.readline().split()
        assert Path(folder).is_dir()
        until(lambda: psutil.Process(int(pids[1])).children())  # of a session of its own, as Spark's Java is
        processes = psutil.Process(owner.pid).children(recursive=True)
        assert {int(pid) for pid in pids} <= {process.pid for process in processes}
        if isinstance(death[0], signal.Signals):
            os.kill(owner.pid, death[0])
        else:
            owner.stdin.close()
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert alive == []
    assert not Path(folder).exists()


def test_end_kills_a_process_that_does_not_stop_and_its_group(run: RunFolder) -> None:
    child = run.start("stubborn", ["sh", "-c", "trap '' TERM; sleep 1000 & wait; sleep 1000"])
    leader = psutil.Process(child.pid)
    until(lambda: len(leader.children()) == 1)
    group = leader.children()
    child.ask_to_stop()
    child.end(grace_seconds=0.1)
    assert child.exit_code == -signal.SIGKILL
    assert psutil.wait_procs(group, timeout=30)[1] == []


def test_end_leaves_time_to_stop(run: RunFolder) -> None:
    child = run.start("polite", ["sh", "-c", "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done"])
    until(lambda: child.log_tail() == "ready")
    child.ask_to_stop()
    child.end(grace_seconds=30)
    assert (child.exit_code, child.log_tail()) == (7, "ready\nbye")


def test_failed_command_shows_the_end_of_its_log(run: RunFolder) -> None:
    with pytest.raises(ServerError, match=r"(?s)setup ended with code 3:\n.*last words$"):
        run.run("setup", ["sh", "-c", "seq 100000; echo last words >&2; exit 3"], seconds=30)


def test_command_that_takes_too_long_is_killed(run: RunFolder) -> None:
    with pytest.raises(ServerError, match="setup ended with code -9"):
        run.run("setup", ["sleep", "1000"], seconds=0.1)


def test_program_that_does_not_exist_is_named(run: RunFolder) -> None:
    with pytest.raises(ServerError, match="no-such-program"):
        run.run("setup", ["no-such-program"], seconds=30)


def test_process_is_not_started_unwatched(run: RunFolder) -> None:
    watchdog = run._watchdog
    watchdog.kill()
    watchdog.wait()
    with pytest.raises(ServerError, match="watchdog"):
        run.start("orphan", ["touch", str(run.path / "started")])
    assert not (run.path / "started").exists()
    run.close()
    assert not run.path.exists()
