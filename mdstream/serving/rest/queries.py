"""What is asked of the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

import sqlalchemy as sa

from mdstream.schemas import BAR, STORED_TICK, Record
from mdstream.schemas.tables import table_of
from mdstream.serving.rest.cursors import Position, decode_cursor, encode_cursor

_READ = (STORED_TICK, BAR)
"""What the API reads from the database; a symbol of any other record is in these too."""

_RECENT = timedelta(days=7)
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Series:
    """Rows of one table that share the beginning of the natural key, in the order of the rest of it.

    Attributes:
        record: The kind of row.
        fixed: Values of the key's first columns, e.g. a symbol and a window.
        order: Newest first (`desc`) or oldest first (`asc`).
    """

    record: Record
    fixed: tuple[str, ...]
    order: Literal["asc", "desc"] = "desc"

    @property
    def _identity(self) -> tuple[str, ...]:
        return (self.record.name, *self.fixed, self.order)

    @property
    def _position_columns(self) -> tuple[str, ...]:
        return self.record.key[len(self.fixed) :]

    def position_of(self, cursor: str) -> Position:
        """Return where the page behind `cursor` begins.

        Raises:
            ValueError: It is no cursor of this series.
        """
        return decode_cursor(self._identity, cursor, len(self._position_columns))

    def cursor_behind(self, row: sa.RowMapping) -> str:
        """Return the cursor that stands behind `row`."""
        return encode_cursor(self._identity, cast("Position", tuple(row[name] for name in self._position_columns)))

    def fetch(
        self,
        connection: sa.Connection,
        limit: int,
        start: datetime | None = None,
        end: datetime | None = None,
        after: Position | None = None,
    ) -> Sequence[sa.RowMapping]:
        """Return at most `limit` rows of [start, end) behind the position `after`.

        The newest rows are looked for in the last days first: to plan a query over a year of partitions takes
        longer than to run it over a week.
        """
        if self.order == "desc" and start is None:
            newest = min(filter(None, (datetime.now(UTC), end, after and after[0])))
            recent = self._select(limit, newest - min(_RECENT, newest - _BEGINNING), end, after)
            rows = connection.execute(recent).mappings().all()
            if len(rows) == limit:
                return rows
        return connection.execute(self._select(limit, start, end, after)).mappings().all()

    def _select(
        self, limit: int, start: datetime | None, end: datetime | None, after: Position | None
    ) -> sa.Select[*tuple[object, ...]]:
        table = table_of(self.record)
        position = [table.c[name] for name in self._position_columns]
        time = position[0]
        query = sa.select(table).where(
            *(table.c[name] == value for name, value in zip(self.record.key, self.fixed, strict=False))
        )
        if start is not None:
            query = query.where(time >= start)
        if end is not None:
            query = query.where(time < end)
        if after is not None:
            # The bound on time alone lets the planner leave out partitions; the comparison of rows does not.
            place = sa.tuple_(*after)
            if self.order == "asc":
                query = query.where(time >= after[0], sa.tuple_(*position) > place)
            else:
                query = query.where(time <= after[0], sa.tuple_(*position) < place)
        ordered = position if self.order == "asc" else [column.desc() for column in position]
        return query.order_by(*ordered).limit(limit)


def newest_tick(connection: sa.Connection, symbol: str) -> sa.RowMapping | None:
    """Return the newest tick of `symbol`; of equal times the one that Redis and a bar's close would take."""
    table = table_of(STORED_TICK)
    newest_first = (
        table.c.event_time.desc(),
        table.c.sequence.desc().nulls_last(),
        table.c.kafka_partition.desc(),
        table.c.kafka_offset.desc(),
    )
    query = sa.select(table).where(table.c.symbol == symbol).order_by(*newest_first).limit(1)
    recent = query.where(table.c.event_time >= datetime.now(UTC) - _RECENT)
    return connection.execute(recent).mappings().first() or connection.execute(query).mappings().first()


def symbol_is_stored(connection: sa.Connection, symbol: str) -> bool:
    """Return whether there is any row of `symbol`."""
    stored = (sa.exists().where(table_of(record).c.symbol == symbol) for record in _READ)
    return bool(connection.scalar(sa.select(sa.or_(*stored))))


def stored_symbols(connection: sa.Connection) -> list[str]:
    """Return every symbol that has a row, in alphabetical order.

    The distinct values are found by leaping from each to the next in the primary key's index: the time depends
    on the number of symbols, not of rows.
    """
    found: set[str] = set()
    for record in _READ:
        found.update(connection.scalars(_distinct_symbols(record)))
    return sorted(found)


def _distinct_symbols(record: Record) -> sa.Select[str]:
    symbol = table_of(record).c.symbol
    leaps = sa.select(sa.func.min(symbol).label("symbol")).cte("leaps", recursive=True)
    following = sa.select(sa.func.min(symbol)).where(symbol > leaps.c.symbol).scalar_subquery()
    leaps = leaps.union_all(sa.select(following).where(leaps.c.symbol.is_not(None)))
    return sa.select(leaps.c.symbol).where(leaps.c.symbol.is_not(None))


def missing_tables(connection: sa.Connection) -> Sequence[str]:
    """Return the tables that the API reads and the database does not have."""
    names = [str(record.table) for record in _READ]
    return [name for name in names if connection.scalar(sa.select(sa.func.to_regclass(name))) is None]
