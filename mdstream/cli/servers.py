"""`mdstream servers`: Kafka, PostgreSQL and Redis of this machine, without Docker, for own development."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mdstream.cli.console import errors, grid_of, output, step

if TYPE_CHECKING:
    from mdstream.embedded.keeper import KeptServers

app = typer.Typer(
    help="Keep Kafka, PostgreSQL and Redis running in the background for own development, without Docker.",
    no_args_is_help=True,
)


@app.command()
def start() -> None:
    """Start the servers on free ports, make topics and tables, and say how to use them. Their data last until `stop`.

    Example: `mdstream servers start && . ~/.local/state/mdstream/servers.env && mdstream doctor`
    """
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.embedded.keeper import start_servers

    step("starting Kafka, PostgreSQL and Redis; the first time Kafka is fetched")
    _show(start_servers())


@app.command()
def stop() -> None:
    """Stop the servers and remove their data."""
    from mdstream.embedded.keeper import stop_servers

    errors.print("stopped" if stop_servers() else "no servers run")


@app.command()
def status() -> None:
    """Say where the servers are; exit code 1 if none run."""
    from mdstream.embedded.keeper import kept_servers

    kept = kept_servers()
    if kept is None:
        errors.print("no servers run; start them with: mdstream servers start")
        raise typer.Exit(1)
    _show(kept)


def _show(kept: KeptServers) -> None:
    table = grid_of(2)
    table.add_row("process", str(kept.pid))
    for name, value in kept.environment.items():
        if not name.endswith("PASSWORD"):
            table.add_row(name, value)
    output.print(table)
    output.print(f"in each terminal: . {kept.environment_file}", soft_wrap=True, highlight=False)
