"""Ticks released at the speed at which they happened, or a multiple of it."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mdstream.errors import InvalidInputError

MAX_CATCH_UP_SECONDS = 5.0
"""How much of its timetable a delayed feed makes up for; the rest it is late for good."""

_SPEED = re.compile(r"(\d+(?:\.\d*)?|\.\d+)x")
# A broker has as much to do for a request of one tick as for one of ten.
_SHORTEST_WAIT_SECONDS = 0.01
_LONG_WAIT_SECONDS = 60.0

logger = logging.getLogger(__name__)


class Clock(Protocol):
    """Time as feeds see it."""

    def micros(self) -> int:
        """Return the time of day in epoch microseconds."""
        ...

    def seconds(self) -> float:
        """Return seconds from any start that never go back."""
        ...

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        """Return after `seconds`, or when `wake` is set."""
        ...


class SystemClock:
    """The computer's clock."""

    def micros(self) -> int:
        """Return the time of day in epoch microseconds."""
        return time.time_ns() // 1000

    def seconds(self) -> float:
        """Return the monotonic clock's seconds."""
        return time.monotonic()

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        """Return after `seconds`, or when `wake` is set."""
        with suppress(TimeoutError):
            # wait_for would lose a cancellation that comes with the wake-up.
            async with asyncio.timeout(seconds):
                await wake.wait()


def parse_speed(text: str) -> float:
    """Read a speed: `1x` is as it happened, `10x` ten times faster, `max` without any wait.

    Raises:
        InvalidInputError: It is not of that form.

    Example:
        >>> parse_speed("0.5x"), parse_speed("max")
        (0.5, inf)
    """
    if text == "max":
        return math.inf
    match = _SPEED.fullmatch(text)
    if match is None or float(match[1]) == 0:
        raise InvalidInputError(f"speed '{text}' is not a positive number and an x, or max; e.g. 1x, 10x, 0.5x, max")
    return float(match[1])


class Pacer:
    """Says when what happened at a time is due.

    Args:
        speed: Event time that passes in a second of the clock; infinite for no pacing.
        clock: The clock.
        wake: Ends any wait when set.
    """

    def __init__(self, speed: float, clock: Clock, wake: asyncio.Event) -> None:
        self._speed = speed
        self._clock = clock
        self._wake = wake
        self._first: int | None = None
        self._started = 0.0
        self._newest = 0
        self._slipped = 0.0

    async def release(self, times: npt.NDArray[np.int64]) -> AsyncIterator[tuple[int, int]]:
        """Yield ranges of positions as their times become due, until all are through or `wake` is set.

        Times that go back do not wait: what is late follows what came before it.

        Args:
            times: Epoch microseconds in the order of arrival.
        """
        if not len(times) or self._wake.is_set():
            return
        if math.isinf(self._speed):
            await asyncio.sleep(0)  # others have their turn, the signal handlers among them
            yield 0, len(times)
            return
        due = np.maximum(np.maximum.accumulate(times), self._newest)
        self._newest = int(due[-1])
        if self._first is None:
            self._first, self._started = int(due[0]), self._clock.seconds()
        start = 0
        while start < len(due) and not self._wake.is_set():
            seconds_left = self._due_seconds(int(due[start])) - self._clock.seconds()
            if seconds_left > 0:
                await self._wait(seconds_left)
                continue
            self._slip(-seconds_left)
            end = int(np.searchsorted(due, self._time_now(), side="right"))
            yield start, max(end, start + 1)
            start = max(end, start + 1)
            await asyncio.sleep(0)

    def _due_seconds(self, micros: int) -> float:
        return self._started + (micros - (self._first or 0)) / 1e6 / self._speed

    def _time_now(self) -> int:
        return (self._first or 0) + int((self._clock.seconds() - self._started) * self._speed * 1e6)

    async def _wait(self, seconds: float) -> None:
        if seconds > _LONG_WAIT_SECONDS:
            logger.info("the next tick is due in %.0f seconds", seconds)
        await self._clock.wait(max(seconds, _SHORTEST_WAIT_SECONDS), self._wake)

    def _slip(self, seconds_late: float) -> None:
        excess = seconds_late - MAX_CATCH_UP_SECONDS
        if excess <= 0:
            return
        if not self._slipped:
            logger.warning(
                "the feed is %.1f seconds late; it makes up for %.1f and runs behind its timetable from here on",
                seconds_late,
                MAX_CATCH_UP_SECONDS,
            )
        self._started += excess
        self._slipped += excess
