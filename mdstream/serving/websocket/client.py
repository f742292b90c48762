"""One client: what it wants, and what it is still to get."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

from mdstream.serving.websocket.streams import Pending, Stream

EVERY_SYMBOL = "*"


class Subscription(NamedTuple):
    """What a client wants: one channel and window of a symbol, or of every symbol.

    Attributes:
        channel: Name of the channel.
        symbol: A symbol or `*`.
        window: Name of the window; "" for a channel without windows.
    """

    channel: str
    symbol: str
    window: str


class Client:
    """A connected client.

    Attributes:
        name: Whose key it has.
        subscriptions: What it wants.
        pending: What it is still to get: at most one frame for each thing that is revised.
    """

    def __init__(self, connection: ServerConnection, name: str) -> None:
        self.name = name
        self.subscriptions: set[Subscription] = set()
        self.pending: Pending = {}
        self._connection = connection
        self._transport = connection.transport
        self._held_back = 0
        self._progress_at: float | None = None

    def wants(self, stream: Stream) -> bool:
        """Say whether a stream is among its subscriptions."""
        names = product((stream.channel.name,), (stream.symbol, EVERY_SYMBOL), (stream.window,))
        return any(Subscription(*name) in self.subscriptions for name in names)

    @property
    def symbols(self) -> set[str]:
        """The symbols that it is subscribed to, perhaps with `*` among them."""
        return {subscription.symbol for subscription in self.subscriptions}

    def flush(self, now: float) -> int:
        """Hand its frames to the system in one write, unless earlier ones are still held back.

        Args:
            now: Time by a clock that never goes back, in seconds.

        Returns:
            How many frames were handed over; 0 as long as the client does not take what it got before.
        """
        # A frame behind the closing one would be an error of ours.
        if not self.pending or self._connection.state is not State.OPEN:
            return 0
        if self.is_held_back(now):
            return 0
        count = len(self.pending)
        self._transport.write(b"".join([slot.frame for slot in self.pending]))
        self.pending.clear()
        return count

    def send_now(self, frames: Iterable[bytes]) -> int:
        """Hand over frames at once, behind those that wait, however much the system holds back.

        Returns:
            How many waited.
        """
        if self._connection.state is not State.OPEN:
            return 0
        count = len(self.pending)
        self._transport.write(b"".join([*(slot.frame for slot in self.pending), *frames]))
        self.pending.clear()
        return count

    def is_held_back(self, now: float) -> bool:
        """Say whether the client has not taken all that it got, and keep in mind when it last took something."""
        held_back = self._transport.get_write_buffer_size()
        if held_back == 0:
            self._progress_at = None
        elif self._progress_at is None or held_back < self._held_back:
            self._progress_at = now
        self._held_back = held_back
        return held_back > 0

    def stalled_for(self, now: float) -> float:
        """Return for how many seconds it has taken nothing of what is held back for it."""
        return 0.0 if self._progress_at is None else now - self._progress_at

    def abort(self) -> None:
        """Cut the connection: a client that takes nothing would not take a goodbye either."""
        self._transport.abort()
