"""Waiting for a store that is away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from mdstream.errors import SinkUnavailableError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_LONGEST_PAUSE_SECONDS = 5.0


def patiently(action: Callable[[], Result], patience_seconds: float) -> Result:
    """Do something with a store, again and again while it is away.

    Raises:
        SinkUnavailableError: The store stayed away for `patience_seconds`.

    Whatever else `action` raises comes through at once.
    """
    deadline = time.monotonic() + patience_seconds
    pause = 0.1
    while True:
        try:
            return action()
        except SinkUnavailableError as exc:
            if time.monotonic() + pause > deadline:
                raise
            logger.warning("%s; trying again in %.1f s", exc, pause)
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
