"""Outlives the process that started it: ends what that one left running and removes its run folder.

Run as a script, with the run folder as argument. Standard input tells which process groups there are: a line
`+ID SIGNAL` adds one with the signal that ends it, `-ID` says that it has ended. When the input ends, the other
process has closed it or is dead, however it died.
"""

import os
import shutil
import signal
import sys
import time

_GRACE_SECONDS = 5.0
_POLL_SECONDS = 0.02


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _end(groups: dict[int, int]) -> None:
    remaining = {group for group, number in groups.items() if _signal(group, number)}
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
    _end(groups)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    watch(sys.argv[1])
