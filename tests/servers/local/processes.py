"""Looking at processes of which some last for a moment only."""

from __future__ import annotations

from contextlib import suppress

import psutil


def names_of(processes: list[psutil.Process]) -> set[str]:
    """Return the names of those that are still there."""
    names = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            names.add(process.name())
    return names


def words_of(process: psutil.Process) -> list[str]:
    """Return its command line; nothing if it has ended."""
    try:
        return list(process.cmdline())
    except psutil.NoSuchProcess:  # or a zombie
        return []
