"""What a database has of what mdstream needs: its version, tables, rights, and how many rows there are."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg2
import sqlalchemy as sa

from mdstream.config import TimescaleSettings
from mdstream.schemas import Record
from mdstream.stores.timescaledb.connection import engine_of, translated

_RIGHTS = ("SELECT", "INSERT", "UPDATE")

_COUNTED = """
SELECT coalesce(sum(n_tup_ins - n_tup_del), 0)
FROM pg_stat_user_tables JOIN pg_inherits ON relid = inhrelid WHERE inhparent = %s::regclass
"""


def versions(settings: TimescaleSettings) -> tuple[str, str | None]:
    """Return the release of PostgreSQL, and that of TimescaleDB if the database has it.

    Raises:
        StoreUnavailableError: The database cannot be reached.
    """
    with translated(settings), engine_of(settings).connect() as connection:
        version = connection.execute(sa.text("SHOW server_version")).scalar_one()
        extension = connection.execute(
            sa.text("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
        ).scalar()
    return str(version), extension


def missing_tables(settings: TimescaleSettings, records: Iterable[Record]) -> list[str]:
    """Return the tables of records that are not there.

    Raises:
        StoreUnavailableError: The database cannot be reached.
    """
    with translated(settings), engine_of(settings).connect() as connection:
        there = sa.inspect(connection)
        return [str(record.table) for record in records if not there.has_table(str(record.table))]


def missing_rights(settings: TimescaleSettings, records: Iterable[Record]) -> list[str]:
    """Return what we may not do with the tables that there are: `INSERT into tick_data`.

    Raises:
        StoreUnavailableError: The database cannot be reached.
    """
    allowed = sa.text("SELECT has_table_privilege(:table, :right)")
    with translated(settings), engine_of(settings).connect() as connection:
        there = sa.inspect(connection)
        tables = [str(record.table) for record in records if there.has_table(str(record.table))]
        return [
            f"the right to {right} in {table}"
            for table in tables
            for right in _RIGHTS
            if not connection.execute(allowed, {"table": table, "right": right}).scalar()
        ]


class RowCounts:
    """How many rows tables have, over a connection of its own.

    Args:
        settings: The database.
    """

    def __init__(self, settings: TimescaleSettings) -> None:
        self._connection = psycopg2.connect(
            host=settings.host,
            port=settings.port,
            dbname=settings.database,
            user=settings.user,
            password=settings.password.get_secret_value(),
        )
        self._connection.autocommit = True

    def about(self, record: Record) -> int:
        """Return how many rows a partitioned table has, by the server's own statistics, which are a second behind."""
        return self._ask(_COUNTED, record.table)

    def exactly(self, record: Record) -> int:
        """Count the rows of a table."""
        return self._ask(f"SELECT count(*) FROM {record.table}")  # noqa: S608 the table is ours

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def _ask(self, question: str, *parameters: object) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(question, parameters)
            row = cursor.fetchone()
        return int(row[0]) if row else 0
