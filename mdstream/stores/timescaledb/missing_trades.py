"""Which trades of a vendor are not in the database yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa

from mdstream.config import TimescaleSettings
from mdstream.schemas import STORED_TICK
from mdstream.schemas.conditions import CANCEL
from mdstream.schemas.wire import from_micros, to_micros
from mdstream.stores.timescaledb.connection import engine_of, translated
from mdstream.stores.timescaledb.definitions import table_of

_IDENTITY = ("event_time", "sequence", "exchange", "trade_id")
"""What tells the trades of a symbol and source apart, where the source gives them ids."""

Key: TypeAlias = tuple[object, ...]


def missing_trades(database: TimescaleSettings, ticks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return those of `ticks` that `tick_data` does not have of the same source.

    A trade that was stored and is a cancelled one now is missing too: what was stored does not say so.

    Args:
        database: Where ticks are stored.
        ticks: Usable ticks of one symbol and source that have an id, in any order.

    Raises:
        StoreUnavailableError: The database cannot be reached.
        StoreError: The table is missing.
    """
    if not ticks:
        return []
    table = table_of(STORED_TICK)
    times = [tick["event_time"] for tick in ticks]
    query = sa.select(*(table.c[name] for name in (*_IDENTITY, "conditions"))).where(
        table.c.symbol == ticks[0]["symbol"],
        table.c.source == ticks[0]["source"],
        table.c.event_time.between(from_micros(min(times)), from_micros(max(times))),
    )
    with translated(database), engine_of(database).connect() as connection:
        stored = {_key(to_micros(time), *rest) for time, *rest in connection.execute(query)}
    return [tick for tick in ticks if _key(*(tick[name] for name in (*_IDENTITY, "conditions"))) not in stored]


def _key(*values: Any) -> Key:  # noqa: ANN401 - columns of any type
    *identity, conditions = values
    return *identity, CANCEL in (conditions or ())
