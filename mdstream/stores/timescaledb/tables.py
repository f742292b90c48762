"""Makes the tables of the records and brings tables of earlier releases up to date."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable, SetColumnComment

from mdstream.errors import StoreError
from mdstream.schemas import Record
from mdstream.stores.timescaledb import hypertables, partitions
from mdstream.stores.timescaledb.definitions import table_of
from mdstream.stores.timescaledb.steps import Step, ddl

logger = logging.getLogger(__name__)

Column = Mapping[str, Any]


class Layout(Enum):
    """How a table is split by time."""

    HYPERTABLE = "hypertable"
    PARTITIONED = "day partitions"


def layout_of(connection: sa.Connection, record: Record) -> Layout:
    """Return how the record's table is split, or would be split if it is not there yet.

    Raises:
        StoreError: The table is there but not split by the record's time.
    """
    table = table_of(record).name
    timescale = hypertables.is_installed(connection)
    if timescale and hypertables.is_hypertable(connection, table):
        return Layout.HYPERTABLE
    split = connection.execute(
        sa.text("SELECT relkind::text, pg_get_partkeydef(oid) FROM pg_class WHERE oid = to_regclass(:table)"),
        {"table": table},
    ).first()
    if split is None:
        return Layout.HYPERTABLE if timescale else Layout.PARTITIONED
    if split[1] == f"RANGE ({record.time_column})":
        return Layout.PARTITIONED
    raise StoreError(
        f"{table} is there but not split by {record.time_column}; expected a hypertable or RANGE partitions. "
        f"Rename it to {table}_old, run `mdstream maintain`, and copy its rows into the new {table}"
    )


def plan_table(connection: sa.Connection, record: Record) -> list[Step]:
    """Return what makes the record's table, or brings it up to date.

    Raises:
        StoreError: The table differs from the record in a way that only its owner can decide on.
    """
    layout = layout_of(connection, record)
    inspector = sa.inspect(connection)
    table = table_of(record)
    if inspector.has_table(table.name):
        found = {column["name"]: column for column in inspector.get_columns(table.name)}
        key = inspector.get_pk_constraint(table.name)["constrained_columns"]
        return _update(record, found, key)
    comments = tuple(SetColumnComment(column) for column in table.columns)
    statements: tuple[sa.Executable, ...]
    if layout is Layout.HYPERTABLE:
        statements = (CreateTable(table), *comments, hypertables.convert(record))
    else:
        _say_if_timescale_is_near(connection)
        statements = (
            CreateTable(partitions.partitioned_table(record)),
            *comments,
            partitions.create_default(table.name),
        )
    return [Step(table.name, "create table", f"{len(comments)} columns, {layout.value}", statements)]


def _say_if_timescale_is_near(connection: sa.Connection) -> None:
    if hypertables.is_available(connection):
        logger.warning(
            "this server has TimescaleDB, but the database has not: tables get day partitions of PostgreSQL and keep "
            "them; for hypertables run CREATE EXTENSION timescaledb in an empty database first"
        )


def _update(record: Record, found: Mapping[str, Column], key: list[str]) -> list[Step]:
    table = table_of(record)
    problems = list(_differences(table, found, key))
    if problems:
        raise StoreError(
            f"table {table.name} differs from what this release of mdstream writes; "
            f"change it as follows, then run `mdstream maintain` again:\n  " + "\n  ".join(problems)
        )
    steps = []
    for column in table.columns:
        if column.name not in found:
            statement = ddl(f"ALTER TABLE {table.name} ADD COLUMN {_quote(column.name)} {_type(column.type)}")
            steps.append(Step(table.name, "add column", column.name, (statement, SetColumnComment(column))))
        elif found[column.name]["comment"] != column.comment:
            steps.append(Step(table.name, "set comment", column.name, (SetColumnComment(column),)))
    return steps


def _differences(table: sa.Table, found: Mapping[str, Column], key: list[str]) -> Iterator[str]:
    """Yield what is different and cannot be put right without a decision, with the statement that does it."""
    alter = f"ALTER TABLE {table.name}"
    for column in table.columns:
        name, kind = _quote(column.name), _type(column.type)
        there = found.get(column.name)
        if there is None:
            if not column.nullable:
                yield f"{name} is missing and needs a value: {alter} ADD COLUMN {name} {kind} NOT NULL DEFAULT …"
            continue
        if _type(there["type"]) != kind:
            yield f"{name} is {_type(there['type'])}: {alter} ALTER COLUMN {name} TYPE {kind}"
        if there["nullable"] != column.nullable:
            yield f"{name} allows null differently: {alter} ALTER COLUMN {name} " + (
                "DROP NOT NULL" if column.nullable else "SET NOT NULL"
            )
    for name, there in found.items():
        if name not in table.columns and not there["nullable"] and there["default"] is None:
            yield f"{name} is unknown and needs a value: {alter} ALTER COLUMN {_quote(name)} DROP NOT NULL"
    expected = [column.name for column in table.primary_key.columns]
    if sorted(key) != sorted(expected):
        columns = ", ".join(_quote(name) for name in expected)
        yield f"the primary key is ({', '.join(key) or 'missing'}): {alter} ADD PRIMARY KEY ({columns})"


def _type(kind: sa.types.TypeEngine[Any]) -> str:
    return kind.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]


def _quote(name: str) -> str:
    return str(postgresql.dialect().identifier_preparer.quote(name))  # type: ignore[no-untyped-call]
