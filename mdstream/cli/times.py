"""Times as they are given on the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, TypeAlias

import typer

from mdstream.schemas.times import parse_time


def _time(text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{text}: {exc}") from exc


_FORM = "ISO 8601, UTC unless it has an offset, e.g. 2026-01-05 or 2026-01-05T14:30."

From: TypeAlias = Annotated[
    datetime, typer.Option("--from", parser=_time, metavar="TIME", help=f"First instant: {_FORM}")
]
To: TypeAlias = Annotated[
    datetime, typer.Option("--to", parser=_time, metavar="TIME", help="First instant after, written alike.")
]
Since: TypeAlias = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        parser=_time,
        metavar="TIME",
        help=f"synthetic: as --history, from this instant on: {_FORM}",
        show_default=False,
    ),
]
