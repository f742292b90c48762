"""Lets Java's thorough compiler step back behind the work that waits for it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

# As Linux has it, of 15 characters.
_THREADS = "C2 CompilerThre"
_STEPS = 5
_LEAST = 19


def let_compiler_yield(pid: int) -> None:
    """Give the threads in which a Java writes its best code a lower priority than its other threads.

    A start is bound by processors, and a third of them goes into code that pays only later. With this priority that is
    written in what time is left, and of a busy processor still gets a fourth. The priority of a thread is Linux' own;
    elsewhere nothing happens.

    Args:
        pid: A Java that runs.

    Example:
        >>> from mdstream.streaming.compiler_threads import let_compiler_yield
        >>> let_compiler_yield(os.getpid())
    """
    if sys.platform != "linux":
        return
    for name in Path(f"/proc/{pid}/task").glob("*/comm"):
        # A thread may end meanwhile, and a system may forbid it: then it is as it was.
        with suppress(OSError):
            priority = min(os.getpriority(os.PRIO_PROCESS, pid) + _STEPS, _LEAST)
            if name.read_text(encoding="utf-8").startswith(_THREADS):
                os.setpriority(os.PRIO_PROCESS, int(name.parent.name), priority)
