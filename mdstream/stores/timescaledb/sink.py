"""Batches into a table of TimescaleDB, or of PostgreSQL without the extension."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from mdstream.config import TimescaleSettings
from mdstream.errors import InvalidInputError, of_writing
from mdstream.schemas import Record
from mdstream.schemas.batches import conform, newest_revisions
from mdstream.stores.timescaledb.connection import driver_connection, engine_of, time_limit, translated
from mdstream.stores.timescaledb.copying import copy_text
from mdstream.stores.timescaledb.definitions import table_of

_ROWS_A_COPY = 100_000
"""Bounds the memory that the text of a huge batch takes."""


@dataclass(frozen=True)
class TimescaleSink:
    """Writes one kind of record to its table, each batch in one transaction.

    Rows go by COPY into a temporary table and from there by one `INSERT … ON CONFLICT` into the table, sorted by
    key, so that parallel writers never wait for each other in a circle. Tables are made by `mdstream maintain`,
    never here.

    Attributes:
        settings: The database.
        record: What is written; it has a table.

    Raises:
        InvalidInputError: The record is not stored in a table.

    Example:
        >>> from mdstream.schemas import BAR
        >>> sink = TimescaleSink(TimescaleSettings(), BAR)  # opens nothing yet
        >>> sink.write(BAR.empty().to_batches()[0])  # doctest: +SKIP
    """

    settings: TimescaleSettings
    record: Record

    def __post_init__(self) -> None:
        if self.record.table is None:
            raise InvalidInputError(f"{self.record.one} is not stored in a table")

    def write(self, batch: pa.RecordBatch) -> None:
        """Store the rows; see `mdstream.stores.Sink`.

        Raises:
            SinkUnavailableError: The database cannot be reached, or did not answer within `timeout_seconds`.
            SinkError: The batch is refused; nothing of it is stored.
        """
        rows = conform(batch, self.record)
        if rows.num_rows == 0:
            return
        ordered = newest_revisions(rows, self.record)
        with (
            of_writing(),
            translated(self.settings),
            engine_of(self.settings).connect() as connection,
            time_limit(connection, self.settings.timeout_seconds),
            connection.begin(),
        ):
            connection.execute(CreateTable(_incoming(self.record), if_not_exists=True))
            _copy(connection, ordered, _incoming(self.record))
            connection.execute(_upsert(self.record))


def _copy(connection: sa.Connection, rows: pa.RecordBatch, incoming: sa.Table) -> None:
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(column.name) for column in incoming.columns)
    statement = f"COPY {quote(incoming.name)} ({columns}) FROM STDIN WITH (FORMAT csv)"
    with driver_connection(connection).cursor() as cursor:
        for start in range(0, rows.num_rows, _ROWS_A_COPY):
            cursor.copy_expert(statement, io.BytesIO(copy_text(rows.slice(start, _ROWS_A_COPY))))


@cache
def _incoming(record: Record) -> sa.Table:
    """Return the session's temporary table that takes the rows of a batch until it is committed."""
    target = table_of(record)
    return sa.Table(
        f"incoming_{target.name}",
        sa.MetaData(),
        *(sa.Column(column.name, column.type) for column in target.columns),
        prefixes=["TEMPORARY"],
        postgresql_on_commit="DELETE ROWS",
    )


@cache
def _upsert(record: Record) -> sa.Executable:
    """Return the statement that moves the incoming rows to their table, where newer revisions stay."""
    target, incoming = table_of(record), _incoming(record)
    insert = postgresql.insert(target).from_select([column.name for column in incoming.columns], sa.select(incoming))
    if record.revision_column is None:
        return insert.on_conflict_do_nothing(index_elements=record.key)
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=record.key,
        set_={column.name: new[column.name] for column in target.columns if column.name not in record.key},
        where=new[record.revision_column] >= target.columns[record.revision_column],
    )
