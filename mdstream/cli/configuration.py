"""`mdstream config`: what is configured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mdstream.cli.console import errors, output
from mdstream.config import load_rules, load_settings

app = typer.Typer(help="Check and show the configuration.", no_args_is_help=True)

ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Configuration file; else MDSTREAM_CONFIG, else conf/mdstream.yaml. Paths in it are relative to it.",
        show_default=False,
    ),
]


@app.command()
def check(config: ConfigFile = None) -> None:
    """Say whether the configuration can be used, with the files that it names; exit 1 and say why if not.

    The expressions in the rules are Spark's to judge: `mdstream rules check`.
    """
    settings = load_settings(config)

    # Imported here so that `mdstream --help` stays quick.
    from mdstream.config.conditions import load_conditions

    load_conditions(settings.ticks.conditions_table)
    load_rules(settings)
    output.print(
        f"the configuration can be used: {len(settings.symbols)} symbols, "
        f"windows {', '.join(window.name for window in settings.windows)}"
    )


@app.command()
def show(config: ConfigFile = None) -> None:
    """Print every setting with its value as JSON; secrets are hidden."""
    output.print_json(json.dumps(load_settings(config).model_dump(mode="json")))


@app.command()
def key(
    name: Annotated[str, typer.Argument(help="Whose key it is; logs and limits go by this name.")] = "client",
) -> None:
    """Make an API key: print the key, shown only now, and the entry for `serving.api_keys`.

    The entry holds a hash, from which nobody gets back to the key.

    Example: `mdstream config key dashboard`
    """
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.serving.access import entry_for, new_key

    made = new_key()
    entry = entry_for(name, made)
    errors.print("Key, shown only now, to be sent as 'Authorization: Bearer KEY' or 'X-API-Key: KEY':", soft_wrap=True)
    output.print(made, markup=False, highlight=False, soft_wrap=True)
    errors.print("Entry for serving.api_keys, or for MDSTREAM_SERVING__API_KEYS='[...]':", soft_wrap=True)
    output.print(f'"{entry}"', markup=False, highlight=False, soft_wrap=True)
