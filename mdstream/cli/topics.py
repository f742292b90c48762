"""`mdstream topics`: the Kafka topics and what they hold."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.table import Table

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import output, table_of
from mdstream.config import Settings, load_settings
from mdstream.kafka.topics import TopicState, create_topics, describe_topics, plan_topics

app = typer.Typer(help="Create and list the Kafka topics.", no_args_is_help=True)


@app.command()
def create(config: ConfigFile = None) -> None:
    """Create the topics that are not there yet, with the configured partitions, replicas and retention.

    Topics that exist are left as they are.
    """
    settings = load_settings(config)
    created = create_topics(settings.kafka, plan_topics(settings))
    output.print(f"created: {', '.join(created)}" if created else "all topics were there already")
    _print_topics(settings)


@app.command("list")
def list_topics(config: ConfigFile = None) -> None:
    """Show partitions, replicas and the number of records of each topic."""
    _print_topics(load_settings(config))


def _print_topics(settings: Settings) -> None:
    plans = plan_topics(settings)
    states = {state.name: state for state in describe_topics(settings.kafka, [plan.name for plan in plans])}
    output.print(_table([(plan.name, states.get(plan.name)) for plan in plans]))


def _table(topics: Sequence[tuple[str, TopicState | None]]) -> Table:
    table = table_of("topic", "partitions", "replicas", "records", "next offsets")
    table.columns[0].no_wrap = True
    for name, state in topics:
        if state is None:
            table.add_row(name, "-", "-", "-", "missing; mdstream topics create")
        else:
            ends = ", ".join(str(end) for _, end in state.offsets.values())
            numbers = (state.partitions, state.replication_factor)
            table.add_row(name, *map(str, numbers), f"{state.records:,}", ends)
    return table
