"""What the upkeep of tables consists of: steps that are planned first and then run, or only shown."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from mdstream.config import TimescaleSettings
from mdstream.stores.timescaledb.connection import engine_of, translated

logger = logging.getLogger(__name__)

_UPKEEP_LOCK = 6_013_202_311
"""Key of the advisory lock: any number that no other program uses in this database."""


@dataclass(frozen=True)
class Step:
    """One change to the database, made by upkeep or only planned.

    Attributes:
        table: The table it concerns.
        action: What is done, e.g. `create table`.
        detail: With what: columns, days, numbers of rows.
        statements: The change; all of it or nothing happens.
    """

    table: str
    action: str
    detail: str
    statements: tuple[sa.Executable, ...] = field(repr=False)


def ddl(statement: str) -> sa.Executable:
    """Return a statement that takes no parameters."""
    return sa.DDL(statement)  # type: ignore[no-untyped-call]


@contextmanager
def upkeep(settings: TimescaleSettings) -> Iterator[sa.Connection]:
    """Yield a connection of its own, in UTC, while no other upkeep works on the same database.

    Raises:
        StoreUnavailableError: The database cannot be reached, or other work holds it for longer than `timeout_seconds`.
    """
    with translated(settings), engine_of(settings).connect() as connection:
        connection.detach()  # closed at the end, and with it go the lock and the settings
        connection.execute(sa.text("SET timezone = 'UTC'"))
        connection.execute(sa.text(f"SET lock_timeout = '{settings.timeout_seconds}s'"))
        connection.execute(sa.select(sa.func.pg_advisory_lock(_UPKEEP_LOCK)))
        connection.commit()
        yield connection


def run(connection: sa.Connection, steps: list[Step]) -> None:
    """Run the steps, each in a transaction of its own: what is done stays done if a later one fails."""
    connection.rollback()  # ends the transaction of the planning
    for step in steps:
        logger.info("%s: %s: %s", step.table, step.action, step.detail)
        with connection.begin():
            for statement in step.statements:
                connection.execute(statement)
