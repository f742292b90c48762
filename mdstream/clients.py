"""The clients of servers that a process keeps."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Address = TypeVar("Address", bound=Hashable)
Client = TypeVar("Client")


class PerProcess(Generic[Address, Client]):
    """The clients of one process, one for each address, opened when first asked for.

    A forked process starts without clients: it opens its own and leaves its parent's sockets alone.

    Args:
        open_client: Makes the client of an address.
    """

    def __init__(self, open_client: Callable[[Address], Client]) -> None:
        self._open = open_client
        self._lock = threading.Lock()
        self._clients: dict[tuple[int, Address], Client] = {}

    def get(self, address: Address) -> Client:
        """Return this process's client of `address`."""
        key = (os.getpid(), address)
        client = self._clients.get(key)
        if client is None:
            with self._lock:
                client = self._clients.get(key)
                if client is None:
                    client = self._clients[key] = self._open(address)
        return client

    def discard(self, address: Address, client: Client) -> None:
        """Forget `client`, so that the next `get` opens a new one; nothing happens if that was done already."""
        with self._lock:
            if self._clients.get((os.getpid(), address)) is client:
                del self._clients[os.getpid(), address]
