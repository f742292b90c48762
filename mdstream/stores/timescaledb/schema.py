"""Tables from nothing, and their upkeep from day to day; both may run at any time, also several at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import sqlalchemy as sa

from mdstream.config import TimescaleSettings
from mdstream.schemas import Record
from mdstream.stores.timescaledb import hypertables, partitions
from mdstream.stores.timescaledb.days import cutoff_of
from mdstream.stores.timescaledb.steps import Step, run, upkeep
from mdstream.stores.timescaledb.tables import Layout, layout_of, plan_table


def create_schema(settings: TimescaleSettings, records: Iterable[Record]) -> list[Step]:
    """Make the tables that are missing and add the columns that are; drop nothing.

    With TimescaleDB in the database, tables become hypertables; else they are partitioned by day, with a default
    partition that takes every row until `maintain` makes days. A table keeps the layout it has.

    Args:
        settings: The database.
        records: What is stored, each in its table; see `Settings.table_records`.

    Returns:
        What was done; empty if everything was there.

    Raises:
        StoreUnavailableError: The database cannot be reached.
        StoreError: A table is there that cannot take the records; the message says how to change it.
    """
    with upkeep(settings) as connection:
        return _make_tables(connection, records, dry_run=False)


def maintain(
    settings: TimescaleSettings, records: Sequence[Record], today: date, *, dry_run: bool = False
) -> list[Step]:
    """Do what `create_schema` does, and what time asks for: new day partitions, compression, retention.

    Retention goes by the time in the row: replayed ticks of 2013 are dropped here if `retention_days` does not
    reach back that far, and the step says how many rows and of which days.

    Args:
        settings: The database.
        records: What is stored, each in its table; see `Settings.table_records`.
        today: The day, UTC.
        dry_run: Only return what would be done.

    Returns:
        What was done, or would be; empty if there was nothing to do.

    Raises:
        StoreUnavailableError: The database cannot be reached, or other work locks a table for too long.
        StoreError: A table is there that cannot take the records; the message says how to change it.
    """
    with upkeep(settings) as connection:
        steps = _make_tables(connection, records, dry_run=dry_run)
        for record in records:
            planned = _plan_upkeep(connection, record, settings, today)
            if not dry_run:
                run(connection, planned)
            steps += planned
    return steps


def _make_tables(connection: sa.Connection, records: Iterable[Record], *, dry_run: bool) -> list[Step]:
    steps = [step for record in records for step in plan_table(connection, record)]
    if not dry_run:
        run(connection, steps)
    return steps


def _plan_upkeep(connection: sa.Connection, record: Record, settings: TimescaleSettings, today: date) -> list[Step]:
    layout = layout_of(connection, record)
    is_there = sa.inspect(connection).has_table(str(record.table))
    cutoff = cutoff_of(settings, today)
    if layout is Layout.HYPERTABLE:
        chunks = hypertables.read(connection, record, cutoff) if is_there else hypertables.fresh(connection)
        return hypertables.plan(record, chunks, settings, cutoff)
    found = partitions.read(connection, record, cutoff) if is_there else partitions.fresh(record)
    return partitions.plan(record, found, settings, today)
