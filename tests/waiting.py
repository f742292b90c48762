"""Waiting for a condition in tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_POLL_SECONDS = 0.02


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Return when the condition holds; fail if it does not in time."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        pause.wait(_POLL_SECONDS)
