"""Waiting for a store that is away."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from mdstream.errors import StoreUnavailableError
from mdstream.streaming.leftovers import OWN_FOLDER_VARIABLE
from mdstream.telemetry.logs import ensure_logging
from mdstream.telemetry.outages import Outages

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_LONGEST_PAUSE_SECONDS = 5.0

_SERVER = re.compile(r",? (?:database|topic|cannot|did not|does not|is not)\b")
"""What stands behind a server's name in our messages."""


def with_retries(action: Callable[[], Result], retry_seconds: float) -> Result:
    """Do something with a store, again and again while it is away.

    Raises:
        StoreUnavailableError: The store stayed away for `retry_seconds`.

    Whatever else `action` raises comes through at once.
    """
    deadline = time.monotonic() + retry_seconds
    pause = 0.1
    away: str | None = None
    while True:
        try:
            result = action()
        except StoreUnavailableError as exc:
            away = _SERVER.split(str(exc), maxsplit=1)[0]
            if time.monotonic() + pause > deadline:
                _outages().forget(away)
                raise
            _outages().away(away, str(exc))
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        else:
            if away is not None:
                _outages().back(away)
            return result


@cache
def _outages() -> Outages:
    # All workers of a machine write to the same stores.
    ensure_logging()
    folder = os.environ.get(OWN_FOLDER_VARIABLE)
    return Outages(logger, Path(folder) if folder and Path(folder).is_dir() else None)
