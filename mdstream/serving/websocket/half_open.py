"""Connections that have not said yet what they want."""

from __future__ import annotations

from websockets.asyncio.server import ServerConnection

from mdstream.serving.websocket.counters import Counters, Refusal


class HalfOpenConnections:
    """Connections before their handshake; where there are too many, the oldest gives way.

    Who means it says what it wants within milliseconds, so that a flood of silent connections shuts nobody out.

    Args:
        most: How many there may be.
        counters: What is counted.
    """

    def __init__(self, most: int, counters: Counters) -> None:
        self._most = most
        self._counters = counters
        self._connections: dict[ServerConnection, None] = {}

    def begin(self, connection: ServerConnection) -> None:
        """Take note of a new connection."""
        self._connections[connection] = None
        if len(self._connections) > self._most:
            self._end(next(iter(self._connections)))

    def complete(self, connection: ServerConnection) -> None:
        """Take note that a connection said what it wants."""
        self._connections.pop(connection, None)

    def lose(self, connection: ServerConnection) -> None:
        """Take note that a connection is gone."""
        if connection in self._connections:
            self._end(connection)

    def _end(self, connection: ServerConnection) -> None:
        del self._connections[connection]
        self._counters.refuse(Refusal.HALF_OPEN)
        connection.transport.abort()
