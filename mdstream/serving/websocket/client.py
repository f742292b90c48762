"""One client: what it wants, and what it is still to get."""

from __future__ import annotations

from collections.abc import Iterator, KeysView

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

from mdstream.serving.websocket.messages import encode
from mdstream.serving.websocket.streams import Stream, text_frame

EVERY_SYMBOL = "*"
"""Behind the beginning of symbols it stands for all that begin so, and alone for all."""


def patterns_of(symbol: str) -> Iterator[str]:
    """Yield everything with `*` that stands for a symbol among others.

    Example:
        >>> list(patterns_of("IBM"))
        ['*', 'I*', 'IB*', 'IBM*']
    """
    return (f"{symbol[:length]}{EVERY_SYMBOL}" for length in range(len(symbol) + 1))


class Client:
    """A connected client.

    Attributes:
        name: Whose key it has.
        wanted: What it wants of each symbol, or of those that begin with what stands before a `*`: the sum of
            `Stream.bit` of its channels and windows.
        waiting: Frames for the next write.
        is_behind: Whether it has not taken what it got, and frames since then were left out.
        left_out: How many.
        needs_snapshot: Whether it subscribed while it was behind: then it is to get the last state of all it wants.
        has_all_until: The last publication of which it got everything.
    """

    def __init__(self, connection: ServerConnection, name: str) -> None:
        self.name = name
        self.wanted: dict[str, int] = {}
        self.waiting: list[bytes] = []
        self.is_behind = False
        self.left_out = 0
        self.needs_snapshot = False
        self.has_all_until = 0
        self._connection = connection
        self._transport = connection.transport
        self._held_back = 0
        self._progress_at: float | None = None

    def wants(self, stream: Stream) -> bool:
        """Say whether a stream is among its subscriptions."""
        wanted = self.wanted
        if wanted.get(stream.symbol, 0) & stream.bit:
            return True
        return any(wanted.get(pattern, 0) & stream.bit for pattern in patterns_of(stream.symbol))

    @property
    def symbols(self) -> KeysView[str]:
        """The symbols that it is subscribed to, perhaps with `*` among them."""
        return self.wanted.keys()

    def flush(self, now: float, publication: int) -> int:
        """Hand what waits to the system in one write, or leave it out if earlier frames are still held back.

        Args:
            now: Time by a clock that never goes back, in seconds.
            publication: The last one that is among what waits.

        Returns:
            How many frames were handed over.
        """
        if not self.waiting:
            return 0
        if self.is_behind or self.is_held_back(now):
            self.is_behind = True
            self.left_out += len(self.waiting)
            self.waiting.clear()
            return 0
        return self.send_now(publication)

    def send_now(self, publication: int, *frames: bytes) -> int:
        """Hand over what waits and these frames, however much the system holds back.

        Returns:
            How many frames were handed over.
        """
        self.waiting += frames
        count = len(self.waiting)
        # A frame behind the closing one would be an error of ours.
        if count and self._connection.state is State.OPEN:
            self._transport.write(b"".join(self.waiting))
        self.waiting.clear()
        self.has_all_until = publication
        return count

    def catch_up(self, missed: list[bytes]) -> int:
        """Be behind no more: the newest frame of each thing that changed waits instead of all that were left out.

        Returns:
            How many a newer one took the place of.
        """
        replaced = max(0, self.left_out + len(self.waiting) - len(missed))
        said = [text_frame(encode("dropped", frames=replaced).encode())] if replaced else []
        self.waiting[:] = said + missed
        self.is_behind = self.needs_snapshot = False
        self.left_out = 0
        return replaced

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
