"""Upkeep of the stores: what `mdstream maintain` does, and a scheduler may do once a day."""

from __future__ import annotations

from datetime import UTC, datetime

from mdstream.config import Settings
from mdstream.stores.lake import LakeStep, maintain_lake
from mdstream.stores.timescaledb import Step, maintain


def maintain_stores(settings: Settings, *, dry_run: bool = False) -> list[Step | LakeStep]:
    """Do the upkeep of the database and of the lake, as far as they are switched on, as of today, UTC.

    Args:
        settings: All settings.
        dry_run: Change nothing.

    Returns:
        What was done, or would be, in order.

    Raises:
        MissingDependencyError: The lake is switched on, and deltalake is not installed.
        StoreUnavailableError: A store cannot be reached, or other work locks a table for too long.
        StoreError: A table is there that cannot take the records; the message says how to change it.
    """
    steps: list[Step | LakeStep] = [*maintain_database(settings, dry_run=dry_run)]
    if settings.stores.lake.enabled:
        steps += maintain_lake(settings.stores.lake, datetime.now(UTC).date(), dry_run=dry_run)
    return steps


def maintain_database(settings: Settings, *, dry_run: bool = False) -> list[Step]:
    """Make missing tables and columns, then partitions, compression and retention as of today, UTC.

    Args:
        settings: All settings.
        dry_run: Change nothing.

    Returns:
        What was done, or would be, in order; nothing if `stores.timescaledb` is switched off.

    Raises:
        StoreUnavailableError: The database cannot be reached, or other work locks a table for too long.
        StoreError: A table is there that cannot take the records; the message says how to change it.
    """
    if not settings.stores.timescaledb.enabled:
        return []
    database, today = settings.stores.timescaledb, datetime.now(UTC).date()
    return maintain(database, settings.table_records, today, dry_run=dry_run)
