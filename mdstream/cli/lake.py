"""The option of commands that can read from the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mdstream.errors import InvalidInputError

FromLake = Annotated[
    bool, typer.Option("--from-lake", help="Read from the lake (stores.lake), which needs mdstream-spark[delta].")
]


def refuse_two_sources(source: Path | None, from_lake: bool) -> None:
    """Refuse a file and the lake at once.

    Raises:
        InvalidInputError: Both are named.
    """
    if source is not None and from_lake:
        raise InvalidInputError("--input and --from-lake each name where bars are; expected one of them")
