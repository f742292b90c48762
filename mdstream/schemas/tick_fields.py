"""Ticks of other people: what they call the fields that a tick has here."""

from __future__ import annotations

from collections.abc import Mapping

from mdstream.errors import InvalidInputError, did_you_mean
from mdstream.schemas.records import TICK


def check_tick_fields(columns: Mapping[str, str]) -> None:
    """See that each name is that of a field of a tick, and that it is said what holds it.

    Args:
        columns: Their names, by the field of TICK that each holds.

    Raises:
        InvalidInputError: There is no such field, or a name is empty.

    Example:
        >>> check_tick_fields({"symbol": "ticker"})
    """
    for name, theirs in columns.items():
        if name not in TICK.schema.names:
            raise InvalidInputError(f"a tick has no field {name}; {did_you_mean(name, TICK.schema.names)}")
        if not theirs.strip():
            raise InvalidInputError(f"nothing is named that holds the field {name} of a tick")
