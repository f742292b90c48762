"""Bars of series, as they are stored: the last before a time, and which symbols have any."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime

import pyarrow as pa
import sqlalchemy as sa
from pyarrow import csv

from mdstream.config import TimescaleSettings
from mdstream.schemas import BAR
from mdstream.stores.timescaledb.connection import driver_connection, engine_of, time_limit, translated
from mdstream.stores.timescaledb.definitions import table_of

TIMES = tuple(field.name for field in BAR.schema if pa.types.is_timestamp(field.type))
"""Columns of bars that hold times."""


def bars_before(database: TimescaleSettings, firsts: Mapping[tuple[str, str], datetime], count: int) -> pa.Table:
    """Return the last bars before a time of each series, in order.

    Args:
        database: Where they are stored.
        firsts: Start of the first bar that is not asked for, by symbol and window.
        count: How many of each series at most.

    Returns:
        The columns of `BAR`, times as epoch microseconds.

    Raises:
        StoreUnavailableError: The database cannot be reached.
        StoreError: It has no table of bars.
    """
    parameters = (
        [symbol for symbol, _ in firsts],
        [window for _, window in firsts],
        list(firsts.values()),
        count,
    )
    text = io.BytesIO()
    with (
        translated(database),
        engine_of(database).connect() as connection,
        time_limit(connection, database.timeout_seconds),
        driver_connection(connection).cursor() as cursor,
    ):
        query = cursor.mogrify(_LAST_BARS, parameters).decode()
        # As text: of 1,500 series with 600 bars each psycopg2 would make ten million objects.
        cursor.copy_expert(f"COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER)", text)
    types = {name: pa.int64() if name in TIMES else BAR.schema.field(name).type for name in BAR.schema.names}
    return csv.read_csv(pa.BufferReader(text.getvalue()), convert_options=csv.ConvertOptions(column_types=types))


def symbols_with_bars(database: TimescaleSettings) -> Sequence[str]:
    """Return all symbols that have a bar.

    Raises:
        StoreUnavailableError: The database cannot be reached.
        StoreError: It has no table of bars.
    """
    with (
        translated(database),
        engine_of(database).connect() as connection,
        time_limit(connection, database.timeout_seconds),
    ):
        return list(connection.execute(sa.text(_SYMBOLS)).scalars())


def _selected(name: str) -> str:
    value = f'(extract(epoch FROM bar."{name}") * 1000000)::bigint' if name in TIMES else f'bar."{name}"'
    return f'{value} AS "{name}"'


_LAST_BARS = f"""
SELECT {", ".join(map(_selected, BAR.schema.names))}
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS series (symbol, "window", first)
CROSS JOIN LATERAL (
    SELECT * FROM {table_of(BAR).name} AS own
    WHERE own.symbol = series.symbol AND own."window" = series."window" AND own.window_start < series.first
    ORDER BY own.window_start DESC LIMIT %s
) AS bar
ORDER BY 1, 2, 3
"""  # noqa: S608 - names of our own columns

# By the index, from one symbol to the next: there are far fewer symbols than bars.
_SYMBOLS = f"""
WITH RECURSIVE known AS (
    (SELECT symbol FROM {table_of(BAR).name} ORDER BY symbol LIMIT 1)
    UNION ALL
    SELECT (SELECT own.symbol FROM {table_of(BAR).name} AS own WHERE own.symbol > known.symbol ORDER BY 1 LIMIT 1)
    FROM known WHERE known.symbol IS NOT NULL
)
SELECT symbol FROM known WHERE symbol IS NOT NULL
"""  # noqa: S608 - names of our own
