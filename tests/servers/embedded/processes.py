"""Looking at processes of which some last for a moment only."""

from __future__ import annotations

import socket
from collections.abc import Iterable
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


def open_to_others(processes: Iterable[psutil.Process]) -> set[tuple[str, int]]:
    """The names of processes, and ports of theirs that other machines could reach."""
    found = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found |= {
                (process.name(), connection.laddr.port)
                for connection in process.net_connections("inet")
                if (connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM)
                and connection.laddr
                and not connection.laddr.ip.endswith(("127.0.0.1", "::1"))
            }
    return found
