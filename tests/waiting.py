"""Waiting in tests: for a condition, or the end of a process."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable

_LEAST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Return when the condition holds; fail if it does not in time.

    The longer it takes the more rarely it is looked at: whoever looks takes time from what is waited for.
    """
    pause = threading.Event()
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < seconds, f"not within {seconds:g} s"
        pause.wait(min(max(waited / 10, _LEAST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS))


def errors_until_end(process: subprocess.Popen[str], seconds: float = 60) -> str:
    """Return what else a process says on standard error, once it has ended.

    For a process whose first lines have been read: `communicate` misses what was read along with them. What it says
    meanwhile has to fit into a pipe.
    """
    assert process.stderr is not None
    process.wait(seconds)
    return process.stderr.read()
