"""SQLAlchemy tables of the records."""

from __future__ import annotations

from functools import cache
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from mdstream.schemas.records import Record


def _column_type(kind: pa.DataType) -> sa.types.TypeEngine[Any]:
    if pa.types.is_list(kind):
        return postgresql.ARRAY(_column_type(kind.value_type))
    simple: dict[pa.DataType, sa.types.TypeEngine[Any]] = {
        pa.string(): sa.Text(),
        pa.float64(): sa.Double(),
        pa.int64(): sa.BigInteger(),
        pa.int32(): sa.Integer(),
        pa.bool_(): sa.Boolean(),
    }
    if pa.types.is_timestamp(kind):
        return sa.DateTime(timezone=True)
    return simple[kind]


@cache
def table_of(record: Record) -> sa.Table:
    """Return the table that stores `record`, with its natural key as primary key and a comment per column.

    Raises:
        ValueError: The record is not stored in a table.
    """
    if record.table is None:
        raise ValueError(f"{record.one} is not stored in a table")
    columns = [
        sa.Column(
            field.name,
            _column_type(field.type),
            nullable=field.nullable,
            comment=field.metadata[b"comment"].decode(),
        )
        for field in record.schema
    ]
    return sa.Table(record.table, sa.MetaData(), *columns, sa.PrimaryKeyConstraint(*record.key))
