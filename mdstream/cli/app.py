"""Gathers the commands and turns mdstream's errors into messages and exit codes."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer
from rich.markup import escape

import mdstream
from mdstream.cli.command_line import LogFormat, end_on_signals, full_disk, with_log_options_first
from mdstream.cli.commands import Commands
from mdstream.cli.console import errors
from mdstream.errors import MdstreamError, brought_by
from mdstream.telemetry.logs import set_up_logging

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)

app = typer.Typer(
    name="mdstream",
    cls=Commands,
    help="Market data analysed in real time with Spark Structured Streaming.\n\n"
    "Exit codes: 0 done, or ended by Ctrl-C or SIGTERM where that is how it ends; 1 an error, which says what to do; "
    "2 a wrong command line; 130 and 143 broken off by Ctrl-C and SIGTERM.",
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
    verbose: Annotated[
        int,
        typer.Option("--verbose", "-v", count=True, help="Log every step, not only warnings; -vv: libraries' too."),
    ] = 0,
    log_format: Annotated[LogFormat, typer.Option(help="Form of the log's lines.")] = LogFormat.TEXT,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    set_up_logging(_LEVELS[min(verbose, len(_LEVELS) - 1)], log_format.value)


def run_app() -> None:
    """Run the command line; an error of ours is one message on standard error and exit code 1."""
    end_on_signals()
    try:
        # What a command needs beyond its own package is in this extra.
        with brought_by("jobs"):
            app(with_log_options_first(sys.argv[1:]))
    except MdstreamError as exc:
        errors.print("[bold red]error:[/]", end=" ")
        errors.print(str(exc), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except OSError as exc:
        if (said := full_disk(exc)) is None:
            raise
        errors.print(f"[bold red]error:[/] {escape(said)}", highlight=False, soft_wrap=True)
        sys.exit(1)
