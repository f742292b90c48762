"""Closed bars from the database or a file."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from mdstream.config import Settings, TimescaleSettings
from mdstream.errors import InvalidInputError
from mdstream.forecasting.samples import ClosedBars
from mdstream.schemas import BAR, BarWindow
from mdstream.schemas.tables import table_of
from mdstream.sinks.postgres.connection import engine_of, time_limit, translated

_COLUMNS = ("window_end", "close", "volume")
_OF_A_FILE = ("symbol", "window", *_COLUMNS)


class StoredBars:
    """Bars in the database.

    A bar is closed when its window has passed by the clock. Bars that are revised later are read as they are then.

    Args:
        settings: The database.
        window: Of which window.
    """

    def __init__(self, settings: TimescaleSettings, window: BarWindow) -> None:
        self._settings = settings
        self._window = window

    def symbols(self, start: datetime) -> list[str]:
        """Return the symbols that have bars from `start` on.

        Raises:
            SinkUnavailableError: The database cannot be reached.
            SinkError: It has no such table.
        """
        table = table_of(BAR)
        query = sa.select(table.c.symbol).where(table.c.window == self._window.name, table.c.window_start >= start)
        return [row[0] for row in query_rows(self._settings, query.distinct().order_by(table.c.symbol))]

    def since(self, symbol: str, start: datetime, now: datetime) -> ClosedBars:
        """Return the bars of a symbol that start at `start` or later and are closed at `now`.

        Raises:
            SinkUnavailableError: The database cannot be reached.
            SinkError: It has no such table.
        """
        return _bars_of(
            query_rows(self._settings, self._closed(symbol, now).where(table_of(BAR).c.window_start >= start))
        )

    def last(self, symbol: str, count: int, now: datetime) -> ClosedBars:
        """Return the last `count` bars of a symbol that are closed at `now`.

        Raises:
            SinkUnavailableError: The database cannot be reached.
            SinkError: It has no such table.
        """
        return _bars_of(query_rows(self._settings, self._closed(symbol, now).limit(count)))

    def newest_time(self, now: datetime) -> datetime | None:
        """Return where the newest bar that is closed at `now` ends, of whatever symbol; None if there is none.

        Raises:
            SinkUnavailableError: The database cannot be reached.
            SinkError: It has no such table.
        """
        table = table_of(BAR)
        rows = query_rows(
            self._settings,
            sa.select(table.c.window_end)
            .where(table.c.window == self._window.name, table.c.window_end <= now)
            .order_by(table.c.window_start.desc())
            .limit(1),
        )
        return rows[0][0] if rows else None

    def start_of(self, days: int, now: datetime) -> datetime:
        """Return the first instant of so many days before the newest bar that is closed at `now`.

        Raises:
            SinkUnavailableError: The database cannot be reached.
            SinkError: It has no such table.
        """
        return (self.newest_time(now) or now) - timedelta(days=days)

    def _closed(self, symbol: str, now: datetime) -> sa.Select[Any]:
        table = table_of(BAR)
        return (
            sa.select(*(table.c[name] for name in _COLUMNS))
            .where(table.c.symbol == symbol, table.c.window == self._window.name, table.c.window_end <= now)
            # Said again of the column by which partitions are chosen.
            .where(table.c.window_start < now)
            .order_by(table.c.window_start.desc())
        )


def query_rows(settings: TimescaleSettings, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
    """Return what a query of the database gives.

    Raises:
        SinkUnavailableError: The database cannot be reached.
        SinkError: It lacks a table, or refuses the query.
    """
    with (
        translated(settings),
        engine_of(settings).connect() as connection,
        time_limit(connection, settings.timeout_seconds),
    ):
        return connection.execute(query).all()


def _bars_of(rows: Sequence[sa.Row[Any]]) -> ClosedBars:
    ends, close, volume = zip(*reversed(rows), strict=True) if rows else ((), (), ())
    naive = [end.astimezone(UTC).replace(tzinfo=None) for end in ends]
    return ClosedBars(np.array(naive, "M8[us]"), np.array(close, np.float64), np.array(volume, np.float64))


def bars_of_file(path: Path, window: BarWindow) -> dict[str, ClosedBars]:
    """Read the bars of one window from a parquet file, by symbol; all of them are taken as closed.

    Args:
        path: Columns symbol, window, window_end (a time), close and volume, e.g. of `mdstream bars`.
        window: Which of the file's windows.

    Raises:
        InvalidInputError: The file cannot be read, lacks a column, or a bar is there twice.
    """
    try:
        return _by_symbol(
            pq.read_table(path, columns=list(_OF_A_FILE), filters=[("window", "=", window.name)]), path.name
        )
    except (pa.ArrowException, OSError, KeyError) as exc:
        raise InvalidInputError(
            f"cannot read bars from {path}: {exc}; expected parquet with {', '.join(_OF_A_FILE)}"
        ) from exc


def _by_symbol(table: pa.Table, origin: str) -> dict[str, ClosedBars]:
    table = table.sort_by("symbol")
    symbols = table["symbol"].to_numpy()
    borders = [0, *(np.flatnonzero(symbols[1:] != symbols[:-1]) + 1).tolist(), len(symbols)]
    bars = {}
    for start, end in itertools.pairwise(borders if len(symbols) else []):
        try:
            bars[str(symbols[start])] = closed_bars(table.slice(start, end - start))
        except InvalidInputError as exc:
            raise InvalidInputError(f"{origin}, {symbols[start]}: {exc}") from exc
    return bars


def closed_bars(table: pa.Table) -> ClosedBars:
    """Return the rows of one series as closed bars.

    Args:
        table: Columns window_end (a time), close and volume, in any order.

    Raises:
        InvalidInputError: Two bars end at the same time.
    """
    table = table.sort_by("window_end")
    ends = table["window_end"].cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us")).to_numpy()
    if (np.diff(ends) <= np.timedelta64(0)).any():
        raise InvalidInputError("two bars end at the same time; expected one")
    return ClosedBars(ends, *(table[name].cast(pa.float64()).to_numpy() for name in ("close", "volume")))


def chosen_symbols(known: Sequence[str], wanted: Sequence[str], origin: object, window: BarWindow) -> tuple[str, ...]:
    """Return the symbols that are wanted, all if none is named.

    Args:
        known: Those that have bars.
        wanted: Those that are named.
        origin: Where the bars are.
        window: What they are of.

    Raises:
        InvalidInputError: A wanted one has no bars, or none has.
    """
    missing = sorted(set(wanted) - set(known))
    if missing or not known:
        raise InvalidInputError(
            f"{origin} has no bars of {missing[0] if missing else 'any symbol'}, window "
            f"{window.name}; expected bars as the job analytics stores them; there are those of: "
            f"{', '.join(known[:20]) or 'none'}"
        )
    return tuple(wanted) or tuple(known)


class LearningBars:
    """The bars that models are trained and evaluated on: of a file, or of the last days in the database.

    Args:
        settings: The database, `forecasting.training_days` and the windows, of which the shortest is taken.
        source: A file for `bars_of_file`; None for the database.
        window: Another window.
        symbols: Of which symbols; empty for all.

    Raises:
        InvalidInputError: The file cannot be used, or there are no such bars.
        SinkUnavailableError: The database cannot be reached.
        SinkError: It has no table of bars.
    """

    def __init__(
        self, settings: Settings, source: Path | None, window: BarWindow | None = None, symbols: Sequence[str] = ()
    ) -> None:
        self.window = window or settings.shortest_window
        self._of_file = bars_of_file(source, self.window) if source else None
        self._stored = StoredBars(settings.stores.timescaledb, self.window)
        self._end = datetime.now(UTC)
        if self._of_file is not None:
            known = list(self._of_file)
        else:
            self._start = self._stored.start_of(settings.forecasting.training_days, self._end)
            known = self._stored.symbols(self._start)
        self.symbols = chosen_symbols(known, symbols, source or "the database", self.window)

    def of(self, symbol: str) -> ClosedBars:
        """Return the closed bars of a symbol.

        Raises:
            SinkUnavailableError: The database cannot be reached.
        """
        if self._of_file is not None:
            return self._of_file[symbol]
        return self._stored.since(symbol, self._start, self._end)
