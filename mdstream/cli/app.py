"""Gathers the commands and turns mdstream's errors into messages and exit codes."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer
from typer.models import CommandInfo, TyperInfo

import mdstream
from mdstream.cli import configuration, rules, servers, topics
from mdstream.cli.alerts import alerts
from mdstream.cli.api import api
from mdstream.cli.backfill import backfill
from mdstream.cli.bars import bars
from mdstream.cli.command_line import LogFormat, end_on_signals, with_log_options_first
from mdstream.cli.console import errors
from mdstream.cli.dashboard import dashboard
from mdstream.cli.demo import demo
from mdstream.cli.doctor import doctor
from mdstream.cli.evaluate import evaluate
from mdstream.cli.indicators import indicators
from mdstream.cli.ingest import ingest, replay
from mdstream.cli.maintain import maintain
from mdstream.cli.metrics import metrics
from mdstream.cli.predict import predict
from mdstream.cli.rebuild import rebuild
from mdstream.cli.run import run
from mdstream.cli.submit import submit
from mdstream.cli.systemd import systemd
from mdstream.cli.train import train
from mdstream.cli.websocket import websocket
from mdstream.errors import MdstreamError
from mdstream.monitoring.logs import set_up_logging

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)

app = typer.Typer(
    name="mdstream",
    help="Market data analysed in real time with Spark Structured Streaming.\n\n"
    "Exit codes: 0 done, or ended by Ctrl-C or SIGTERM where that is how it ends; 1 an error, which says what to do; "
    "2 a wrong command line; 130 and 143 broken off by Ctrl-C and SIGTERM.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
)
app.add_typer(configuration.app, name="config")
app.add_typer(topics.app, name="topics")
app.add_typer(rules.app, name="rules")
app.add_typer(servers.app, name="servers")
app.command()(ingest)
app.command()(replay)
app.command()(backfill)
app.command()(demo)
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
app.command()(systemd)


_PANELS = {
    "See it work": ("demo", "servers"),
    "Bring data in": ("ingest", "replay", "backfill"),
    "Run jobs": ("run", "submit"),
    "Work on files and stored data": ("bars", "indicators", "rebuild", "rules"),
    "Forecast": ("train", "evaluate", "predict"),
    "Serve and tell": ("api", "websocket", "dashboard", "alerts", "metrics"),
    "Set up and look after": ("config", "doctor", "topics", "maintain", "systemd"),
}
"""Under which heading the help lists which commands."""


def _group_commands() -> None:
    panels = {name: panel for panel, names in _PANELS.items() for name in names}
    everything: list[CommandInfo | TyperInfo] = [*app.registered_commands, *app.registered_groups]
    for each in everything:
        name = each.name or (each.callback.__name__ if each.callback else "")
        each.rich_help_panel = panels.get(str(name))


_group_commands()


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


def main() -> None:
    """Run the command line; an error of ours is one message on standard error and exit code 1."""
    end_on_signals()
    try:
        app(with_log_options_first(sys.argv[1:]))
    except MdstreamError as exc:
        errors.print("[bold red]error:[/]", end=" ")
        errors.print(str(exc), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
