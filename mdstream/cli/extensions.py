"""`mdstream extensions`: what is found by name, and the package that brings it."""

from __future__ import annotations

import typer
from rich.markup import escape

from mdstream.cli.console import output, table_of
from mdstream.errors import MdstreamError
from mdstream.extensions import POINTS


def extensions() -> None:
    """List feeds, stores, channels of alerts and indicators that are installed, each with its package.

    Exit code 1 if one of them cannot be used, with the reason. docs/extending.md says how a package adds some.

    Example: `mdstream extensions`
    """
    table = table_of("kind", "name", "package", "state")
    failed = False
    for point in POINTS:
        for name, package in sorted(point.installed().items()):
            try:
                point.load(name, object)
                state = "[green]ok[/]"
            except MdstreamError as exc:
                failed, state = True, f"[red]{escape(str(exc))}[/]"
            table.add_row(point.what, escape(name), escape(package), state)
    output.print(table)
    if failed:
        raise typer.Exit(1)
