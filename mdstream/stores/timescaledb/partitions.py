"""Native range partitions by day, for PostgreSQL without TimescaleDB.

A default partition takes every row whose day has no partition, so that none is ever refused. Upkeep creates days
ahead and moves rows out of the default partition into days of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from mdstream.config import TimescaleSettings
from mdstream.errors import StoreError
from mdstream.schemas import Record
from mdstream.stores.timescaledb.days import cutoff_of, midnight, span
from mdstream.stores.timescaledb.definitions import table_of
from mdstream.stores.timescaledb.steps import Step, ddl

_DAY = timedelta(days=1)
_BOUNDS = re.compile(r"FOR VALUES FROM \((.+)\) TO \((.+)\)")
_DAYS_A_STEP = 250
"""A transaction locks every partition that it makes, and the server's table of locks is finite."""


@dataclass(frozen=True)
class Partition:
    """Rows with `start` <= time < `end`."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Partitions:
    """How a table is partitioned now.

    Attributes:
        bounded: All partitions but the default one.
        default: Name of the default partition; None if there is none.
        default_days: Number of rows in the default partition for each day, UTC.
        columns: Names of the table's columns.
        expired_rows: Number of rows in each partition that is wholly older than the retention.
    """

    bounded: tuple[Partition, ...]
    default: str | None
    default_days: Mapping[date, int]
    columns: tuple[str, ...]
    expired_rows: Mapping[str, int]

    def covers(self, day: date) -> bool:
        """Return whether a partition has any instant of `day`."""
        start = midnight(day)
        return any(partition.start < start + _DAY and start < partition.end for partition in self.bounded)


def partitioned_table(record: Record) -> sa.Table:
    """Return the record's table, partitioned by its time."""
    table = table_of(record).to_metadata(sa.MetaData())
    table.dialect_options["postgresql"]["partition_by"] = f"RANGE ({record.time_column})"
    return table


def create_default(table: str) -> sa.Executable:
    """Return the statement that makes the default partition."""
    return ddl(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT")


def fresh(record: Record) -> Partitions:
    """Return how the table is partitioned when it has just been made."""
    table = table_of(record)
    return Partitions((), f"{table.name}_default", {}, tuple(table.columns.keys()), {})


def read(connection: sa.Connection, record: Record, cutoff: date) -> Partitions:
    """Return how the record's table is partitioned; the connection's time zone is UTC."""
    name = table_of(record).name
    found = connection.execute(
        sa.text(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i"
            " JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(:name) ORDER BY c.relname"
        ),
        {"name": name},
    ).all()
    default = next((partition for partition, bounds in found if bounds == "DEFAULT"), None)
    bounded = tuple(_partition(partition, bounds) for partition, bounds in found if bounds != "DEFAULT")
    expired = [partition.name for partition in bounded if partition.end <= midnight(cutoff)]
    columns = tuple(column["name"] for column in sa.inspect(connection).get_columns(name))
    return Partitions(
        bounded,
        default,
        _days_of(connection, default, record) if default else {},
        columns,
        {partition: _count(connection, partition) for partition in expired},
    )


def plan(record: Record, found: Partitions, settings: TimescaleSettings, today: date) -> list[Step]:
    """Return what brings the table from how it was found to how it should be on `today`, UTC.

    Days from yesterday to `partitions_ahead_days` after today, and every day up to then of which rows lie in the
    default partition, get partitions; rows of days before today - `retention_days` are dropped, wherever they lie.
    """
    cutoff, horizon = cutoff_of(settings, today), today + timedelta(days=settings.partitions_ahead_days)
    ahead = [today + timedelta(days=day) for day in range(-1, settings.partitions_ahead_days + 1)]
    stray = [day for day in found.default_days if cutoff <= day <= horizon]
    missing = sorted(day for day in {*ahead, *stray} if not found.covers(day))
    steps = _drops(record, found, settings, cutoff)
    if found.default is None:
        name = table_of(record).name
        steps.append(Step(name, "create default partition", "for rows of all other days", (create_default(name),)))
    for start in range(0, len(missing), _DAYS_A_STEP):
        steps.append(_creation(record, found, missing[start : start + _DAYS_A_STEP]))
    return steps


def _drops(record: Record, found: Partitions, settings: TimescaleSettings, cutoff: date) -> list[Step]:
    table = table_of(record)
    reason = f"before {cutoff}, by stores.timescaledb.retention_days = {settings.retention_days}"
    steps = []
    if found.expired_rows:
        days = [p.start.date() for p in found.bounded if p.name in found.expired_rows]
        detail = f"{sum(found.expired_rows.values()):,} rows of {span(days)}, {reason}"
        drops = tuple(ddl(f"DROP TABLE {name}") for name in found.expired_rows)
        steps.append(Step(table.name, "drop old partitions", detail, drops))
    expired = {day: rows for day, rows in found.default_days.items() if day < cutoff}
    if expired and found.default:
        time: sa.ColumnClause[datetime] = sa.column(str(record.time_column))
        detail = f"{sum(expired.values()):,} rows of {span(expired)} in the default partition, {reason}"
        delete = sa.delete(sa.table(found.default, time)).where(time < midnight(cutoff))
        steps.append(Step(table.name, "drop old rows", detail, (delete,)))
    return steps


def _creation(record: Record, found: Partitions, days: Sequence[date]) -> Step:
    """Return the step that makes partitions for `days`, into which rows of the default partition may belong.

    PostgreSQL refuses a partition for rows which the default partition holds, and another may write such a row at
    any moment. So the default partition is taken off, which locks the table, a new one put in its place, and its
    rows go once more through the table, which sends each to its day: one pass, however many days.
    """
    table = table_of(record).name
    default, emptied = found.default or f"{table}_default", f"{table}_emptied"
    source = sa.table(emptied, *(sa.column(name) for name in found.columns))
    target = sa.table(table, *(sa.column(name) for name in found.columns))
    moved = {day: found.default_days[day] for day in days if day in found.default_days}
    moves = f", and move {sum(moved.values()):,} rows of {span(moved)} into them" if moved else ""
    statements = (
        ddl(f"ALTER TABLE {table} DETACH PARTITION {default}"),
        ddl(f"ALTER TABLE {default} RENAME TO {emptied}"),
        create_default(table),
        *(_create(table, day) for day in days),
        sa.insert(target).from_select(list(found.columns), sa.select(source)),
        ddl(f"DROP TABLE {emptied}"),
    )
    return Step(table, "create partitions", span(days) + moves, statements)


def _create(table: str, day: date) -> sa.Executable:
    bounds = f"FROM ('{midnight(day).isoformat()}') TO ('{midnight(day + _DAY).isoformat()}')"
    return ddl(f"CREATE TABLE {table}_p{day:%Y%m%d} PARTITION OF {table} FOR VALUES {bounds}")


def _partition(name: str, bounds: str) -> Partition:
    match = _BOUNDS.fullmatch(bounds)
    if match is None:
        raise StoreError(f"partition {name} has the bounds '{bounds}'; expected FOR VALUES FROM … TO …")
    return Partition(name, _instant(match[1]), _instant(match[2]))


def _instant(bound: str) -> datetime:
    if bound == "MINVALUE":
        return datetime.min.replace(tzinfo=UTC)
    if bound == "MAXVALUE":
        return datetime.max.replace(tzinfo=UTC)
    return datetime.fromisoformat(bound.strip("'"))


def _days_of(connection: sa.Connection, default: str, record: Record) -> dict[date, int]:
    day = sa.cast(sa.func.timezone("UTC", sa.column(str(record.time_column))), sa.Date)
    counts = connection.execute(sa.select(day, sa.func.count()).select_from(sa.table(default)).group_by(day))
    return {row[0]: row[1] for row in counts}


def _count(connection: sa.Connection, table: str) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(sa.table(table))).scalar_one()
