"""Says of a server that is away what one has to know, and says it once."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

_EVERY_SECONDS = 60.0

_Times: TypeAlias = tuple[float, float] | None
"""Since when a server is away, and when that was said last."""

_Change: TypeAlias = Callable[[_Times], _Times]


class Outages:
    """Logs that a server is gone, once a minute that it still is, and that it is back.

    Args:
        logger: Where it is said.
        shared: A folder where processes that use the same servers keep what was said, so that one of them says it.
        clock: Seconds that only go forward, the same for all processes of a machine.
    """

    def __init__(
        self, logger: logging.Logger, shared: Path | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._logger = logger
        self._ledger = _Memory() if shared is None else _Folder(shared)
        self._clock = clock

    def away(self, server: str, reason: str) -> None:
        """Take note that a server cannot be used.

        Args:
            server: What it is called: `PostgreSQL at db:5432`.
            reason: A line that names it and says what is the matter.
        """
        now = self._clock()

        def change(known: _Times) -> _Times:
            if known is None:
                self._logger.warning("%s; waiting for it", reason)
                return now, now
            since, said = known
            if now - said < _EVERY_SECONDS:
                return known
            self._logger.warning("%s; waiting for it for %.0f s", reason, now - since)
            return since, now

        self._ledger.swap(server, change)

    def back(self, server: str) -> None:
        """Take note that a server can be used."""

        def change(known: _Times) -> _Times:
            if known is not None:
                self._logger.warning("%s is back after %.0f s", server, self._clock() - known[0])
            return None

        self._ledger.swap(server, change)

    def forget(self, server: str) -> None:
        """Take note that nobody waits for a server any more."""
        self._ledger.swap(server, lambda _: None)


class _Memory:
    def __init__(self) -> None:
        self._known: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def swap(self, server: str, change: _Change) -> None:
        with self._lock:
            times = change(self._known.pop(server, None))
            if times is not None:
                self._known[server] = times


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def swap(self, server: str, change: _Change) -> None:
        file = os.open(
            self._folder / f"away-{hashlib.sha256(server.encode()).hexdigest()[:16]}", os.O_CREAT | os.O_RDWR
        )
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            times: _Times = None
            with suppress(ValueError):
                since, said = map(float, os.read(file, 100).split())
                times = since, said
            times = change(times)
            os.ftruncate(file, 0)
            os.pwrite(file, b"" if times is None else f"{times[0]} {times[1]}".encode(), 0)
        finally:
            os.close(file)
