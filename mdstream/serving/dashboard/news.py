"""When there is something new, for those who wait for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class News:
    """A version that grows with every change.

    Attributes:
        version: The newest.

    Example:
        >>> async def waited() -> int:
        ...     news = News()
        ...     asyncio.get_running_loop().call_soon(news.next)
        ...     await news.after(news.version, seconds=10)
        ...     return news.version
        >>> asyncio.run(waited())
        2
    """

    def __init__(self) -> None:
        self.version = 1
        self._awaited: asyncio.Event | None = None

    def next(self) -> int:
        """Let the version grow, and return it; who waits goes on once the caller lets go."""
        self.version += 1
        if self._awaited is not None:
            self._awaited.set()
            self._awaited = None
        return self.version

    async def after(self, version: int, seconds: float) -> None:
        """Return as soon as there is a later version than `version`, or after so many seconds."""
        if version < self.version:
            return
        self._awaited = awaited = self._awaited or asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await awaited.wait()
