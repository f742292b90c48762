"""`mdstream maintain`: tables and their upkeep."""

from __future__ import annotations

from typing import Annotated

import typer

from mdstream.cli.configuration import ConfigFile
from mdstream.cli.console import errors, output, table_of
from mdstream.config import load_settings


def maintain(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    config: ConfigFile = None,
) -> None:
    """Make the tables of the database and the lake and keep them in shape; run it once to set up, then once a day.

    Makes missing tables and columns. With TimescaleDB: hypertables, compression after
    `stores.timescaledb.compress_after_days`, retention for `retention_days`. Without: a partition a day, made
    `partitions_ahead_days` ahead; rows of other days wait in a default partition until their day has one.

    In the lake, where it is switched on: Delta tables, compaction of days that are over, and deletion of files that
    were replaced more than `stores.lake.history_days` ago. Needs `mdstream-spark[delta]`, but no Spark.

    **The database's retention goes by the time in the row.** Ticks replayed from an old file are dropped with the
    others of their day, unless `retention_days` reaches back that far. `--dry-run` shows what would go.

    Example: `mdstream maintain --dry-run`
    """
    # Imported here so that `mdstream --help` stays quick.
    from mdstream.operations.maintain import maintain_stores

    steps = maintain_stores(load_settings(config), dry_run=dry_run)
    if not steps:
        errors.print("nothing to do: tables, partitions and retention are as configured")
        return
    table = table_of("table", "would be done" if dry_run else "done", "details")
    for step in steps:
        table.add_row(step.table, step.action, step.detail)
    output.print(table)
