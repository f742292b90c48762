"""Series of rows, and the newest of a symbol, read over one connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

import pyarrow as pa
import sqlalchemy as sa

from mdstream.schemas import BAR, PREDICTION, STORED_QUOTE, STORED_TICK, Record
from mdstream.schemas.conditions import CANCEL
from mdstream.stores.timescaledb.definitions import table_of

_WITH_SYMBOLS = (STORED_TICK, STORED_QUOTE, BAR)
"""Where a symbol is looked for; one of any other record is in these too."""

_RECENT = timedelta(days=7)
_BEGINNING = datetime.min.replace(tzinfo=UTC)

Row = dict[str, Any]
"""A row by the names of its columns."""

Position = tuple[datetime, *tuple[int | str, ...]]
"""The place of a row in its series: its time, then what orders rows of equal time."""

Condition = str | int | tuple[str, ...]
"""What a column is equal to, or one of."""


@dataclass(frozen=True)
class StoredSeries:
    """Rows of one table, by time and then by the rest of the natural key.

    Attributes:
        record: The kind of row.
        where: What their columns hold, e.g. a symbol and a window.
        order: Newest first (`desc`) or oldest first (`asc`).
    """

    record: Record
    where: Mapping[str, Condition]
    order: Literal["asc", "desc"] = "desc"

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells this series from others."""
        return (self.record.name, *(f"{name}={value}" for name, value in self.where.items()), self.order)

    @property
    def _position_columns(self) -> tuple[str, ...]:
        time = str(self.record.time_column)
        fixed = {name for name, value in self.where.items() if not isinstance(value, tuple)}
        return (time, *(name for name in self.record.key if name != time and name not in fixed))

    @property
    def position_kinds(self) -> list[type[int] | type[str]]:
        """What follows the time in a position of this series."""
        return [_kind_of(self.record, name) for name in self._position_columns[1:]]

    def position_of(self, row: Row) -> Position:
        """Return the place of `row`."""
        return cast("Position", tuple(row[name] for name in self._position_columns))

    def fetch(
        self,
        connection: sa.Connection,
        limit: int,
        start: datetime | None = None,
        end: datetime | None = None,
        after: Position | None = None,
    ) -> list[Row]:
        """Return at most `limit` rows of [start, end) behind the position `after`.

        The newest rows are looked for in the last days first: to plan a query over a year of partitions takes
        longer than to run it over a week.
        """
        if self.order == "desc" and start is None:
            newest = min(filter(None, (datetime.now(UTC), end, after and after[0])))
            recent = self._select(limit, newest - min(_RECENT, newest - _BEGINNING), end, after)
            rows = _rows(connection, self.record, recent)
            if len(rows) == limit:
                return rows
        return _rows(connection, self.record, self._select(limit, start, end, after))

    def _select(
        self, limit: int, start: datetime | None, end: datetime | None, after: Position | None
    ) -> sa.Select[*tuple[object, ...]]:
        table = table_of(self.record)
        position = [table.c[name] for name in self._position_columns]
        time = position[0]
        query = sa.select(table).where(
            *(
                table.c[name].in_(value) if isinstance(value, tuple) else table.c[name] == value
                for name, value in self.where.items()
            )
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


def _rows(connection: sa.Connection, record: Record, query: sa.Select[*tuple[object, ...]]) -> list[Row]:
    names = record.schema.names
    return [dict(zip(names, row, strict=True)) for row in connection.execute(query)]


def _kind_of(record: Record, column: str) -> type[int] | type[str]:
    return int if pa.types.is_integer(record.schema.field(column).type) else str


def newest_tick(connection: sa.Connection, symbol: str) -> Row | None:
    """Return the newest trade of `symbol`; of equal times the one that Redis and a bar's close would take.

    As there, a tick with the condition `CANCEL` is none.
    """
    table = table_of(STORED_TICK)
    is_cancel = sa.func.coalesce(table.c.conditions.contains([CANCEL]), False)
    newest_first = (
        table.c.event_time.desc(),
        table.c.sequence.desc().nulls_last(),
        table.c.kafka_partition.desc(),
        table.c.kafka_offset.desc(),
    )
    query = sa.select(table).where(table.c.symbol == symbol, ~is_cancel).order_by(*newest_first).limit(1)
    recent = query.where(table.c.event_time >= datetime.now(UTC) - _RECENT)
    found = _rows(connection, STORED_TICK, recent) or _rows(connection, STORED_TICK, query)
    return found[0] if found else None


def latest_predictions(connection: sa.Connection, symbol: str) -> list[Row]:
    """Return the newest forecast of `symbol` for each horizon, the nearest first."""
    return _latest_predictions(connection, symbol, datetime.now(UTC) - _RECENT) or _latest_predictions(
        connection, symbol, _BEGINNING
    )


def _latest_predictions(connection: sa.Connection, symbol: str, since: datetime) -> list[Row]:
    table = table_of(PREDICTION)
    where = (table.c.symbol == symbol, table.c.target_time >= since)
    horizon, target = table.c.horizon_minutes, table.c.target_time
    newest = sa.select(horizon, sa.func.max(target)).where(*where).group_by(horizon)
    query = sa.select(table).where(*where, sa.tuple_(horizon, target).in_(newest)).order_by(horizon)
    return _rows(connection, PREDICTION, query)


def symbol_is_stored(connection: sa.Connection, symbol: str) -> bool:
    """Return whether there is any row of `symbol`."""
    stored = (sa.exists().where(table_of(record).c.symbol == symbol) for record in _WITH_SYMBOLS)
    return bool(connection.scalar(sa.select(sa.or_(*stored))))


def stored_symbols(connection: sa.Connection) -> list[str]:
    """Return every symbol that has a row, in alphabetical order.

    The time depends on the number of symbols, not of rows.
    """
    found: set[str] = set()
    for record in _WITH_SYMBOLS:
        found.update(connection.scalars(distinct_symbols(record)))
    return sorted(found)


def distinct_symbols(record: Record, *within: sa.ColumnElement[bool]) -> sa.Select[str]:
    """Return the query for the symbols with rows within some bounds.

    Each is found by a leap from the one before in the primary key's index.
    """
    symbol = table_of(record).c.symbol
    leaps = sa.select(sa.func.min(symbol).label("symbol")).where(*within).cte("leaps", recursive=True)
    following = sa.select(sa.func.min(symbol)).where(*within, symbol > leaps.c.symbol).scalar_subquery()
    leaps = leaps.union_all(sa.select(following).where(leaps.c.symbol.is_not(None)))
    return sa.select(leaps.c.symbol).where(leaps.c.symbol.is_not(None))


def missing_tables(connection: sa.Connection, records: Iterable[Record]) -> Sequence[str]:
    """Return the tables of `records` that the database does not have."""
    names = [str(record.table) for record in records]
    return [name for name in names if connection.scalar(sa.select(sa.func.to_regclass(name))) is None]
