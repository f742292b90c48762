"""Gathers the commands and turns mdstream's errors into messages and exit codes."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

import mdstream
from mdstream.cli import configuration, rules
from mdstream.cli.alerts import alerts
from mdstream.cli.api import api
from mdstream.cli.bars import bars
from mdstream.cli.console import errors
from mdstream.cli.dashboard import dashboard
from mdstream.cli.doctor import doctor
from mdstream.cli.evaluate import evaluate
from mdstream.cli.indicators import indicators
from mdstream.cli.maintain import maintain
from mdstream.cli.metrics import metrics
from mdstream.cli.predict import predict
from mdstream.cli.rebuild import rebuild
from mdstream.cli.run import run
from mdstream.cli.submit import submit
from mdstream.cli.train import train
from mdstream.cli.websocket import websocket
from mdstream.errors import DISTRIBUTION, MdstreamError, MissingDependencyError, brought_by

app = typer.Typer(
    name="mdstream",
    help="Market data analysed in real time with Spark Structured Streaming.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
)


def _add(name: str, module: str, attribute: str, extra: str) -> None:
    """Add a command, or a group of them, whose module needs an extra; without it, one that says so."""
    try:
        with brought_by(extra):
            part: Any = getattr(importlib.import_module(f"mdstream.cli.{module}"), attribute)
    except MissingDependencyError as exc:
        part = _unavailable(exc)
        anything = {"allow_extra_args": True, "ignore_unknown_options": True}
        app.command(name, context_settings=anything, help=f"Needs {DISTRIBUTION}[{extra}].")(part)
        return
    if isinstance(part, typer.Typer):
        app.add_typer(part, name=name)
    else:
        app.command(name)(part)


def _unavailable(error: MissingDependencyError) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


app.add_typer(configuration.app, name="config")
_add("topics", "topics", "app", "jobs")
app.add_typer(rules.app, name="rules")
_add("ingest", "ingest", "ingest", "feeds")
_add("replay", "ingest", "replay", "feeds")
_add("backfill", "backfill", "backfill", "feeds")
_add("demo", "demo", "demo", "local")
app.command()(run)
app.command()(submit)
app.command()(bars)
app.command()(indicators)
app.command()(rebuild)
app.command()(maintain)
app.command()(train)
app.command()(evaluate)
app.command()(predict)
app.command()(alerts)
app.command()(api)
app.command()(websocket)
app.command()(dashboard)
app.command()(metrics)
app.command()(doctor)


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
