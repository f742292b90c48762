"""Who rises and falls most, read from stored bars; `mdstream.transforms.to_movers` has the meaning."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from mdstream.schemas import BAR, Record
from mdstream.stores.timescaledb.definitions import table_of
from mdstream.stores.timescaledb.series import Row, distinct_symbols

_OF_BARS = ("symbol", "window", "window_start", "window_end", "close", "volume", "trade_count")
_BEFORE = timedelta(days=7)
"""How far back the bar before is looked for: over a weekend with holidays."""

_LEAST_PRICE = 1e-30
"""Nothing is traded for less, and PostgreSQL refuses quotients that no double can hold."""

MOVER = Record(
    name="mover",
    schema=pa.schema(
        (
            *(BAR.schema.field(name) for name in _OF_BARS),
            pa.field(
                "close_before",
                pa.float64(),
                nullable=False,
                metadata={"comment": "close of the bar before, whenever that was"},
            ),
            pa.field("simple_return", pa.float64(), nullable=False, metadata={"comment": "close / close_before - 1"}),
            pa.field(
                "mover_rank",
                pa.int64(),
                nullable=False,
                metadata={"comment": "1, 2, … for those that rise most, -1, -2, … for those that fall most"},
            ),
        )
    ),
)
"""A bar of a symbol that rises or falls most, with its change."""


def stored_movers(connection: sa.Connection, window: str, at: datetime, count: int, max_age: timedelta) -> list[Row]:
    """Return the symbols that rise most and those that fall most, by their newest bar that was complete at a time.

    As `to_snapshot(at, max_age=…)`, `with_returns` and `to_movers` have it, but that the bar before is at most a week
    older than `max_age`. It takes a few steps in the primary key's index a symbol, however many bars there are.

    Args:
        connection: The database.
        window: Name of the bars' window.
        at: The time; a bar that ends then is complete.
        count: How many of each; of equal ones the first by name.
        max_age: How long before it a bar may have ended.

    Returns:
        Rows of MOVER: those that rise, the most first, then those that fall, the most first.
    """
    moved = _moved(window, at, max_age).subquery("moved")
    side = sa.func.sign(moved.c.simple_return)
    order = (sa.func.abs(moved.c.simple_return).desc(), sa.collate(moved.c.symbol, "C"))
    place = sa.func.row_number().over(partition_by=side, order_by=order)
    ranked = sa.select(moved, (place * side).label("mover_rank")).subquery("ranked")
    chosen = sa.select(*(ranked.c[name] for name in MOVER.schema.names)).where(
        ranked.c.mover_rank != 0, sa.func.abs(ranked.c.mover_rank) <= count
    )
    in_order = chosen.order_by(sa.func.sign(ranked.c.mover_rank).desc(), sa.func.abs(ranked.c.mover_rank))
    return [_row(row) for row in connection.execute(in_order)]


def _row(row: sa.Row[Any]) -> Row:
    fields = dict(zip(MOVER.schema.names, row, strict=True))
    return fields | {"mover_rank": int(fields["mover_rank"])}


def _moved(window: str, at: datetime, max_age: timedelta) -> sa.Select[*tuple[object, ...]]:
    """Return the newest bars with their changes, without those that have none."""
    oldest = _back(at, max_age)
    symbols = _symbols(_back(at, max_age + _BEFORE), at)
    newest = _bars("newest")
    last = (
        sa.select(newest)
        .where(newest.c.symbol == symbols.c.symbol, newest.c.window == window)
        .where(newest.c.window_start >= _back(oldest, _BEFORE), newest.c.window_start < at)
        .where(newest.c.window_end <= at)
        .order_by(newest.c.window_start.desc())
        .limit(1)
        .lateral("last")
    )
    earlier = _bars("earlier")
    before = (
        sa.select(earlier.c.close)
        .where(earlier.c.symbol == symbols.c.symbol, earlier.c.window == window)
        .where(earlier.c.window_start >= _back(oldest, _BEFORE), earlier.c.window_start < last.c.window_start)
        .order_by(earlier.c.window_start.desc())
        .limit(1)
        .lateral("before")
    )
    change = (last.c.close / before.c.close - 1).label("simple_return")
    return (
        sa.select(*(last.c[name] for name in _OF_BARS), before.c.close.label("close_before"), change)
        .select_from(symbols.join(last, sa.true()).join(before, sa.true()))
        .where(
            last.c.window_end >= oldest,
            last.c.close >= _LEAST_PRICE,
            before.c.close >= _LEAST_PRICE,
            last.c.close != before.c.close,
        )
    )


def _bars(name: str) -> Any:  # noqa: ANN401 - an alias of a table
    return table_of(BAR).alias(name)


def _symbols(since: datetime, until: datetime) -> sa.Subquery:
    """Return the symbols with bars of those days."""
    start = table_of(BAR).c.window_start
    # A whole day, as partitions are: then the first row of a symbol is one that counts.
    midnight = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return distinct_symbols(BAR, start >= midnight, start < until).subquery("symbols")


def _back(time: datetime, by: timedelta) -> datetime:
    """Return an earlier time, the first that there is if it would be before that."""
    first = datetime.min.replace(tzinfo=UTC)
    return time - min(by, time - first)
