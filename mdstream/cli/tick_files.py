"""What the command line says of files of ticks."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, TypeAlias

import typer

from mdstream.cli.columns import column_pairs
from mdstream.cli.console import errors
from mdstream.config import TickSettings
from mdstream.feeds.form import FileForm
from mdstream.feeds.layouts import LAYOUTS
from mdstream.feeds.remedies import remedy_of
from mdstream.schemas.units import Unit

_NOTHING_CONFIGURED = TickSettings()

FormatName = StrEnum("FormatName", {name.upper(): name for name in LAYOUTS})  # type: ignore[misc]

Format: TypeAlias = Annotated[
    FormatName | None,
    typer.Option("--format", help="Whose files they are; else they have our own columns.", show_default=False),
]
UnitOfTimes: TypeAlias = Annotated[
    Unit | None,
    typer.Option(
        "--unit", help="What numbers that are times count; else the format's, our own: us.", show_default=False
    ),
]
SymbolOfFile: TypeAlias = Annotated[
    str | None,
    typer.Option("--symbol", help="Whose trades they are, where neither a column nor the name says so."),
]
Columns: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--columns",
        help="The file's columns and ours, e.g. `ticker=symbol,ts=event_time`; else those of `ticks.columns`.",
        show_default=False,
    ),
]


def file_form(
    format_name: FormatName | None = None,
    unit: Unit | None = None,
    symbol: str | None = None,
    columns: str | None = None,
    configured: TickSettings = _NOTHING_CONFIGURED,
) -> FileForm:
    """Return what the options say together; without a format and columns of their own, what is configured of these.

    Raises:
        InvalidInputError: The columns are no pairs of a name in the file and a field of a tick.

    Example:
        >>> file_form(columns="ticker=symbol").columns["symbol"]
        'ticker'
    """
    if format_name is None and columns is None:
        return FileForm(None, configured.columns, unit or configured.unit, symbol)
    return FileForm(None if format_name is None else str(format_name), column_pairs(columns), unit, symbol)


def print_rejects(counts: Mapping[str, int]) -> None:
    """Say how many rows were left out, by reason, and what to do about them."""
    for reason, count in sorted(counts.items()):
        remedy = remedy_of(reason)
        errors.print(f"[yellow]{count:,} rows left out:[/] {reason}{f' ({remedy})' if remedy else ''}", soft_wrap=True)
