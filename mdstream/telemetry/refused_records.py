"""Says which records are refused, and not more often than people can read."""

from __future__ import annotations

import logging
import time

QUIET_SECONDS = 60.0
"""After a line about a topic there is none for so long, however many more are refused."""

_MOST_SOURCES = 100


class RefusedRecords:
    """Writes the first refused record of a source into a log, and then one a minute with how many there were.

    Args:
        logger: Where it is said.

    Attributes:
        count: How many were refused.

    Example:
        >>> refused = RefusedRecords(logging.getLogger("doctest"))
        >>> refused.note("price of a tick is missing", "tick_data", "partition 0 offset 7")
        >>> refused.count
        1
    """

    def __init__(self, logger: logging.Logger) -> None:
        self.count = 0
        self._logger = logger
        # When each source may be spoken of again, and how many were left out since.
        self._sources: dict[str, tuple[float, int]] = {}

    def note(self, reason: str, source: str, place: str = "") -> None:
        """Take note of a record that is left out.

        Args:
            reason: What is wrong with it.
            source: Where it came from: a topic, or a server.
            place: Where in it.
        """
        self.count += 1
        now = time.monotonic()
        speak_at, unsaid = self._sources.get(source, (now, 0))
        if now < speak_at:
            self._sources[source] = speak_at, unsaid + 1
            return
        if len(self._sources) >= _MOST_SOURCES:
            self._sources.clear()
        self._sources[source] = now + QUIET_SECONDS, 0
        where = f"{source}, {place}" if place else source
        more = f"; and {unsaid} more since the last such line" if unsaid else ""
        self._logger.warning("a record is left out (%s): %s%s", where, reason, more)
