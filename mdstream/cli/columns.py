"""What the command line says of columns that have other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import typer

from mdstream.errors import InvalidInputError

BarColumns: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--columns", help="The file's columns and ours, e.g. `ticker=symbol,start=window_start`.", show_default=False
    ),
]


def column_pairs(text: str | None) -> Mapping[str, str]:
    """Return the file's names by ours.

    Raises:
        InvalidInputError: The text has no pairs of a name in the file and one of ours.

    Example:
        >>> column_pairs("ticker=symbol, ts = event_time")
        {'symbol': 'ticker', 'event_time': 'ts'}
    """
    pairs = {}
    for pair in (text or "").split(","):
        theirs, equals, ours = (part.strip() for part in pair.rpartition("="))
        if pair.strip() and not (theirs and equals and ours):
            raise InvalidInputError(f"--columns has '{pair.strip()}'; expected pairs like ticker=symbol,ts=event_time")
        if ours:
            pairs[ours] = theirs
    return pairs
