"""TimescaleDB: hypertables with a chunk a day, compressed and dropped by its own background jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from mdstream.config import TimescaleSettings
from mdstream.schemas import Record
from mdstream.stores.timescaledb.days import midnight
from mdstream.stores.timescaledb.definitions import table_of
from mdstream.stores.timescaledb.steps import Step, ddl

_SEGMENT_COLUMNS = ("symbol", "window")
"""What queries ask for by equality: compressed rows are kept together by these."""


@dataclass(frozen=True)
class Chunks:
    """How a hypertable is kept now.

    Attributes:
        licensed: Whether this TimescaleDB has compression and background jobs; its Apache edition has not.
        compressible: Whether compression is set up.
        compress_after_days: What the compression job waits for; None if there is no such job.
        retention_days: What the retention job waits for; None if there is no such job.
        expired: Number of chunks that are wholly older than the retention.
        expired_rows: Rows in them.
        expired_from: Start of the oldest of them.
    """

    licensed: bool
    compressible: bool = False
    compress_after_days: float | None = None
    retention_days: float | None = None
    expired: int = 0
    expired_rows: int = 0
    expired_from: datetime | None = None


def is_installed(connection: sa.Connection) -> bool:
    """Return whether the database has the extension."""
    found = connection.execute(sa.text("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'"))
    return found.first() is not None


def is_available(connection: sa.Connection) -> bool:
    """Return whether the server has the extension, in this database or not."""
    found = connection.execute(sa.text("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'"))
    return found.first() is not None


def is_hypertable(connection: sa.Connection, table: str) -> bool:
    """Return whether the table is a hypertable; the extension is installed."""
    found = connection.execute(
        sa.text(
            "SELECT 1 FROM timescaledb_information.hypertables"
            " WHERE hypertable_name = :table AND hypertable_schema = current_schema()"
        ),
        {"table": table},
    )
    return found.first() is not None


def convert(record: Record) -> sa.Executable:
    """Return the statement that makes the record's empty table a hypertable."""
    return sa.text(
        "SELECT create_hypertable(:table, :column, chunk_time_interval => INTERVAL '1 day',"
        " create_default_indexes => false)"
    ).bindparams(table=table_of(record).name, column=str(record.time_column))


def fresh(connection: sa.Connection) -> Chunks:
    """Return how a hypertable is kept when it has just been made."""
    return Chunks(licensed=_is_licensed(connection))


def read(connection: sa.Connection, record: Record, cutoff: date) -> Chunks:
    """Return how the record's hypertable is kept; the connection's time zone is UTC."""
    table = table_of(record)
    named = {"table": table.name, "cutoff": midnight(cutoff)}
    compressible = connection.execute(
        sa.text(
            "SELECT compression_enabled FROM timescaledb_information.hypertables"
            " WHERE hypertable_name = :table AND hypertable_schema = current_schema()"
        ),
        named,
    ).scalar_one()
    expired, start, end = connection.execute(
        sa.text(
            "SELECT count(*), min(range_start), max(range_end) FROM timescaledb_information.chunks"
            " WHERE hypertable_name = :table AND hypertable_schema = current_schema() AND range_end <= :cutoff"
        ),
        named,
    ).one()
    return Chunks(
        licensed=_is_licensed(connection),
        compressible=bool(compressible),
        compress_after_days=_job_days(connection, table.name, "policy_compression", "compress_after"),
        retention_days=_job_days(connection, table.name, "policy_retention", "drop_after"),
        expired=expired,
        expired_rows=_rows_before(connection, record, end) if expired else 0,
        expired_from=start,
    )


def _rows_before(connection: sa.Connection, record: Record, end: datetime) -> int:
    table = table_of(record)
    count = sa.select(sa.func.count()).select_from(table)
    return connection.execute(count.where(table.columns[str(record.time_column)] < end)).scalar_one()


def _is_licensed(connection: sa.Connection) -> bool:
    edition = connection.execute(sa.select(sa.func.current_setting("timescaledb.license"))).scalar_one()
    return bool(edition != "apache")


def _job_days(connection: sa.Connection, table: str, job: str, key: str) -> float | None:
    seconds = connection.execute(
        sa.text(
            "SELECT extract(epoch FROM (config ->> :key)::interval) FROM timescaledb_information.jobs"
            " WHERE hypertable_name = :table AND hypertable_schema = current_schema() AND proc_name = :job"
        ),
        {"table": table, "job": job, "key": key},
    ).scalar()
    return None if seconds is None else float(seconds) / timedelta(days=1).total_seconds()


def plan(record: Record, found: Chunks, settings: TimescaleSettings, cutoff: date) -> list[Step]:
    """Return what brings the hypertable from how it was found to how the settings want it.

    The jobs work in the background, at once and then once or twice a day. Chunks that are too old are also dropped
    here, before the job can do it unseen.
    """
    table = table_of(record)
    steps = []
    if found.expired and found.expired_from:
        detail = (
            f"{found.expired_rows:,} rows in {found.expired} chunks from {found.expired_from.date()} on, "
            f"before {cutoff}, by stores.timescaledb.retention_days = {settings.retention_days}"
        )
        drop = sa.text("SELECT drop_chunks(:table, older_than => :cutoff)")
        drop = drop.bindparams(table=table.name, cutoff=midnight(cutoff))
        steps.append(Step(table.name, "drop old chunks", detail, (drop,)))
    if found.licensed and not found.compressible:
        steps.append(_compression(record))
    if found.licensed and found.compress_after_days != settings.compress_after_days:
        steps.append(_job(table.name, "compression", settings.compress_after_days, found.compress_after_days))
    if found.licensed and found.retention_days != settings.retention_days:
        steps.append(_job(table.name, "retention", settings.retention_days, found.retention_days))
    return steps


def _compression(record: Record) -> Step:
    table = table_of(record).name
    segments = [name for name in _SEGMENT_COLUMNS if name in record.key]
    # Uniqueness is checked without decompressing if every column of the key is in one of the two lists.
    order = [name for name in record.key if name not in segments]
    statement = ddl(
        f"ALTER TABLE {table} SET (timescaledb.compress,"
        f" timescaledb.compress_segmentby = '{_quoted(segments)}', timescaledb.compress_orderby = '{_quoted(order)}')"
    )
    detail = f"rows of one {' and '.join(segments)} together, by {', '.join(order)}"
    return Step(table, "set up compression", detail, (statement,))


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _job(table: str, kind: str, days: int, before: float | None) -> Step:
    add = sa.text(f"SELECT add_{kind}_policy(:table, make_interval(days => :days))").bindparams(table=table, days=days)
    if before is None:
        return Step(table, f"schedule {kind}", f"of rows older than {days} days", (add,))
    remove = sa.text(f"SELECT remove_{kind}_policy(:table)").bindparams(table=table)
    return Step(table, f"schedule {kind}", f"of rows older than {days} days instead of {before:g}", (remove, add))
