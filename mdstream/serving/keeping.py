"""Work in the background that goes on whatever happens to it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

AGAIN_SECONDS = 1.0
"""Pause between a failure and the next attempt."""

SHOWN_SECONDS = 15.0
"""How long a failure shows after it happened: what fails again and again does so all the time."""

logger = logging.getLogger(__name__)


class Keeper:
    """Begins work again that failed, and says that it did.

    Every task in the background belongs to one: a task of its own that ended would leave a server that answers, and
    does nothing.
    """

    def __init__(self) -> None:
        self._failures: dict[str, tuple[float, str]] = {}

    @property
    def problem(self) -> str | None:
        """What failed a moment ago, for whoever asks whether all is well; None if nothing did."""
        since = time.monotonic() - SHOWN_SECONDS
        shown = [reason for failed_at, reason in self._failures.values() if failed_at > since]
        return "; ".join(shown) or None

    async def keep(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        """Do some work to its end, from its beginning after each failure.

        Args:
            name: What it is called.
            work: The work.
        """
        while True:
            try:
                await work()
            except Exception as exc:
                logger.exception("%s failed and begins again in %g s", name, AGAIN_SECONDS)
                self._failures[name] = time.monotonic(), f"{name} failed ({type(exc).__name__}) and was begun again"
            else:
                return
            await asyncio.sleep(AGAIN_SECONDS)
