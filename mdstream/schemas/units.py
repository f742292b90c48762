"""Units of times that are numbers."""

from __future__ import annotations

from enum import StrEnum


class Unit(StrEnum):
    """What a number that is a time counts, from 1970-01-01 UTC on."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"

    @property
    def a_second(self) -> int:
        """How many there are in a second."""
        return {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[self]
