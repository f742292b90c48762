"""`mdstream config`: what is configured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mdstream.cli.console import output
from mdstream.config import load_settings

app = typer.Typer(help="Check and show the configuration.", no_args_is_help=True)

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Configuration file; else MDSTREAM_CONFIG, else conf/mdstream.yaml.", show_default=False
    ),
]


@app.command()
def check(config: ConfigFile = None) -> None:
    """Say whether the configuration can be used; exit 1 and say why if not."""
    settings = load_settings(config)
    output.print(
        f"the configuration can be used: {len(settings.symbols)} symbols, "
        f"windows {', '.join(window.name for window in settings.windows)}"
    )


@app.command()
def show(config: ConfigFile = None) -> None:
    """Print every setting with its value as JSON; secrets are hidden."""
    output.print_json(json.dumps(load_settings(config).model_dump(mode="json")))
