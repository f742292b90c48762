"""The thread that bears the name of Java's thorough compiler steps back, and no other."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from mdstream.streaming.compiler_threads import let_compiler_yield

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads: only Linux has them")


def test_only_the_compiler_steps_back() -> None:
    seen: dict[str, int] = {}
    named, looked = threading.Barrier(3), threading.Event()

    def work(name: str) -> None:
        thread = threading.get_native_id()
        Path(f"/proc/self/task/{thread}/comm").write_text(name)
        named.wait(10)
        looked.wait(10)
        seen[name] = os.getpriority(os.PRIO_PROCESS, thread)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("C2 CompilerThread0", "C1 CompilerThread0")]
    for thread in threads:
        thread.start()
    before = os.getpriority(os.PRIO_PROCESS, os.getpid())
    named.wait(10)
    let_compiler_yield(os.getpid())
    looked.set()
    for thread in threads:
        thread.join(10)
    assert seen == {"C2 CompilerThread0": min(before + 5, 19), "C1 CompilerThread0": before}
    assert os.getpriority(os.PRIO_PROCESS, os.getpid()) == before


def test_a_java_that_is_gone_is_let_be() -> None:
    let_compiler_yield(2**22 + 1)
