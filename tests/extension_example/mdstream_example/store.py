"""Results in a file of SQLite, a table a record."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mdstream.config import Settings
from mdstream.config.stores import StoreSection
from mdstream.errors import SinkUnavailableError
from mdstream.schemas import Record
from mdstream.schemas.batches import conform
from mdstream.stores.extension import StoreExtension


class SqliteSettings(StoreSection):
    """The section `stores.sqlite`; a relative path in a configuration file is relative to that file."""

    path: Path = Path("market.sqlite")


@dataclass(frozen=True)
class SqliteSink:
    """One record's table. It is pickled to Spark's executors, and so holds no connection."""

    path: Path
    record: Record

    def write(self, batch: pa.RecordBatch) -> None:
        """Of the revisions of one key the newest stays, whatever is written again and in whatever order."""
        rows = [tuple(map(_stored, row.values())) for row in conform(batch, self.record).to_pylist()]
        with _database(self.path) as database:
            database.execute(self._table())
            database.executemany(self._upsert(), rows)
            database.commit()

    def _table(self) -> str:
        columns = ", ".join(f'"{name}"' for name in self.record.schema.names)
        return f'CREATE TABLE IF NOT EXISTS "{self.record.table}" ({columns}, PRIMARY KEY ({_names(self.record.key)}))'

    def _upsert(self) -> str:
        places = ", ".join("?" * len(self.record.schema.names))
        insert = f'INSERT INTO "{self.record.table}" AS old VALUES ({places}) ON CONFLICT DO'
        revision = self.record.revision_column
        if revision is None:
            return f"{insert} NOTHING"
        changed = ", ".join(f'"{name}" = excluded."{name}"' for name in self.record.schema.names)
        return f'{insert} UPDATE SET {changed} WHERE excluded."{revision}" >= old."{revision}"'


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _stored(value: object) -> object:
    return value if isinstance(value, int | float | str | None) else str(value)


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path, timeout=10)) as database:
            yield database
    except sqlite3.OperationalError as exc:
        raise SinkUnavailableError(f"{path} cannot be used now: {exc}; is stores.sqlite.path right?") from exc


def holds(record: Record) -> bool:
    """Say which records there is a place for."""
    return record.table is not None and bool(record.key)


def open_sink(own: SqliteSettings, record: Record, settings: Settings) -> SqliteSink:
    return SqliteSink(own.path, record)


def check(own: SqliteSettings) -> list[str]:
    """Say what is missing, for `mdstream doctor` and before a job starts."""
    return [] if own.path.absolute().parent.is_dir() else [f"the folder of {own.path}"]


STORE = StoreExtension(settings=SqliteSettings, holds=holds, open_sink=open_sink, check=check)
