"""Gathers the commands and turns mdstream's errors into messages and exit codes."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer

import mdstream
from mdstream.cli.commands import Commands
from mdstream.cli.console import errors
from mdstream.errors import MdstreamError, brought_by

app = typer.Typer(
    name="mdstream",
    cls=Commands,
    help="Market data analysed in real time with Spark Structured Streaming.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mdstream {mdstream.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every step, not only warnings.")] = False,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


def run_app() -> None:
    """Run the command line; an error of ours is one message on standard error and exit code 1."""
    try:
        # What a command needs beyond its own package is in this extra.
        with brought_by("jobs"):
            app()
    except MdstreamError as exc:
        errors.print("[bold red]error:[/]", end=" ")
        errors.print(str(exc), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
