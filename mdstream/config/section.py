"""What all sections of the settings have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, Field(ge=1)]
Interval = Annotated[
    str,
    Field(pattern=r"^(?i:(interval +)?([0-9]+(\.[0-9]+)? +(micro|milli)?(second|minute|hour|day|week)s? *)+)$"),
]
"""A time as Spark takes it, e.g. `30 seconds`."""


class Section(BaseModel):
    """A part of the settings: frozen, without unknown keys, and silent about what it was given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
