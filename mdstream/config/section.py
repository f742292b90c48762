"""What all sections of the settings have in common."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, Field(ge=1)]
Interval = Annotated[
    str,
    Field(pattern=r"^(?i:(interval +)?([0-9]+(\.[0-9]+)? +(micro|milli)?(second|minute|hour|day|week)s? *)+)$"),
]
"""A time as Spark takes it, e.g. `30 seconds`."""

_SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}
_PARTS = re.compile(r"([0-9.]+) +(micro|milli)?(second|minute|hour|day|week)", re.IGNORECASE)
_PREFIXES = {"": 1.0, "milli": 1e-3, "micro": 1e-6}


def interval_seconds(interval: str) -> float:
    """Return the length of an `Interval`.

    Example:
        >>> interval_seconds("1 minute 500 milliseconds")
        60.5
    """
    parts = _PARTS.findall(interval)
    return sum(float(count) * _PREFIXES[prefix.lower()] * _SECONDS[unit.lower()] for count, prefix, unit in parts)


class Section(BaseModel):
    """A part of the settings: frozen, without unknown keys, and silent about what it was given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
