"""Outlives the process that started it: ends what that one left running and removes its run folder.

Run as a script, with the run folder as argument. Standard input tells which process groups there are: a line
`+ID SIGNAL` adds one with the signal that ends it, `-ID` says that it has ended. When the input ends, the other
process has closed it or is dead, however it died.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.02


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _processes() -> Iterator[tuple[int, int, int]]:
    """Return each process there is, its parent and its group."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name before them is in brackets, and may hold anything.
            parent, group = status.read_text(errors="replace").rpartition(")")[2].split()[1:3]
        except OSError:  # it has ended meanwhile
            continue
        yield int(status.parent.name), int(parent), int(group)
    if not Path("/proc").is_dir():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,pgid="], capture_output=True, text=True, check=True)
        for line in listed.stdout.splitlines():
            pid, parent, group = line.split()
            yield int(pid), int(parent), int(group)


def _groups_within(leaders: set[int]) -> set[int]:
    """Return the groups that processes of these groups have started, as a job does for Spark's Java."""
    within = set(leaders)
    processes = list(_processes())
    while found := {process for process, parent, _ in processes if parent in within} - within:
        within |= found
    return {group for process, _, group in processes if process in within} - leaders


def _end(groups: dict[int, int]) -> None:
    # They end with who started them, if they can: a Java that was starting might never.
    followers = _groups_within(set(groups))
    remaining = {group for group, number in groups.items() if _signal(group, number)} | followers
    deadline = time.monotonic() + _GRACE_SECONDS
    while remaining and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        remaining = {group for group in remaining if _signal(group, 0)}
    for group in remaining:
        _signal(group, signal.SIGKILL)


def watch(folder: str) -> None:
    """Follow standard input until it ends, then end every process group left and remove `folder`."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        if line.startswith("+"):
            group, number = line[1:].split()
            groups[int(group)] = int(number)
        else:
            groups.pop(int(line[1:]), None)
    if groups:
        _end(groups)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    watch(sys.argv[1])
