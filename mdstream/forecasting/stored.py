"""Closed bars from the database, the lake or a file."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mdstream.config import LakeSettings, Settings, TimescaleSettings
from mdstream.errors import InvalidInputError
from mdstream.feeds.columns import convert, found
from mdstream.feeds.validation import shown
from mdstream.forecasting.samples import ClosedBars, usable_bars
from mdstream.schemas import BAR, BarWindow
from mdstream.schemas.records import TIME
from mdstream.stores.lake import read_rows, stored_days
from mdstream.stores.timescaledb.closed_bars import CLOSED_COLUMNS, ClosedBarRows

_OF_A_FILE = ("symbol", "window", *CLOSED_COLUMNS)


class StoredBars:
    """Bars in the database.

    A bar is closed when its window has passed by the clock. Bars that are revised later are read as they are then.

    Args:
        settings: The database.
        window: Of which window.
    """

    def __init__(self, settings: TimescaleSettings, window: BarWindow) -> None:
        self._rows = ClosedBarRows(settings, window.name)

    def symbols(self, start: datetime) -> list[str]:
        """Return the symbols that have bars from `start` on.

        Raises:
            StoreUnavailableError: The database cannot be reached.
            StoreError: It has no such table.
        """
        return self._rows.symbols(start)

    def since(self, symbol: str, start: datetime, now: datetime) -> ClosedBars:
        """Return the usable bars of a symbol that start at `start` or later and are closed at `now`.

        Raises:
            StoreUnavailableError: The database cannot be reached.
            StoreError: It has no such table.
        """
        bars = _bars_of(self._rows.since(symbol, start, now))
        return usable_bars(bars.ends, bars.close, bars.volume)

    def last(self, symbol: str, count: int, now: datetime) -> ClosedBars:
        """Return the last `count` bars of a symbol that are closed at `now`.

        Raises:
            StoreUnavailableError: The database cannot be reached.
            StoreError: It has no such table.
        """
        return _bars_of(self._rows.last(symbol, count, now))

    def newest_time(self, now: datetime) -> datetime | None:
        """Return where the newest bar that is closed at `now` ends, of whatever symbol; None if there is none.

        Raises:
            StoreUnavailableError: The database cannot be reached.
            StoreError: It has no such table.
        """
        return self._rows.newest_time(now)

    def start_of(self, days: int, now: datetime) -> datetime:
        """Return the first instant of so many days before the newest bar that is closed at `now`.

        Raises:
            StoreUnavailableError: The database cannot be reached.
            StoreError: It has no such table.
        """
        return (self.newest_time(now) or now) - timedelta(days=days)


def _bars_of(rows: Sequence[Sequence[Any]]) -> ClosedBars:
    ends, close, volume = zip(*reversed(rows), strict=True) if rows else ((), (), ())
    naive = [end.astimezone(UTC).replace(tzinfo=None) for end in ends]
    return ClosedBars(np.array(naive, "M8[us]"), np.array(close, np.float64), np.array(volume, np.float64))


def bars_of_file(path: Path, window: BarWindow) -> dict[str, ClosedBars]:
    """Read the bars of one window from a parquet file, by symbol; all of them are taken as closed.

    Args:
        path: Columns symbol, window, window_end (a time), close and volume, e.g. of `mdstream bars`, of any types that
            these can be read from. Bars without a usable price or volume are left out and counted.
        window: Which of the file's windows.

    Raises:
        InvalidInputError: The file cannot be read, lacks a column, a value is of no such type, or a bar is there twice.
    """
    try:
        table = pq.read_table(path, columns=list(_OF_A_FILE))
        texts = {name: _converted(table, name) for name in ("symbol", "window")}
        of_window = pc.equal(texts["window"], window.name)
        table = table.set_column(table.schema.get_field_index("symbol"), "symbol", texts["symbol"])
        return _by_symbol(table.filter(of_window), path.name)
    except (pa.ArrowException, OSError, KeyError) as exc:
        raise InvalidInputError(
            f"cannot read bars from {path}: {exc}; expected parquet with {', '.join(_OF_A_FILE)}"
        ) from exc


def bars_of_lake(lake: LakeSettings, window: BarWindow, days: int, now: datetime) -> dict[str, ClosedBars]:
    """Read the bars of one window that are closed at `now` from the lake, by symbol: the last `days` up to the newest.

    Raises:
        MissingDependencyError: deltalake is not installed.
        StoreUnavailableError: The lake cannot be reached.
        StoreError: It has no table of bars.
    """
    start = start_in_lake(lake, window, days, now)
    batches = read_rows(lake, BAR, start, now, closed_in_lake(window, now), _OF_A_FILE)
    return _by_symbol(pa.Table.from_batches(batches, pa.schema(map(BAR.schema.field, _OF_A_FILE))), lake.path)


def start_in_lake(lake: LakeSettings, window: BarWindow, days: int, now: datetime) -> datetime:
    """Return the instant `days` before the end of the newest closed bar in the lake; before `now` if there is none.

    Raises:
        MissingDependencyError: deltalake is not installed.
        StoreUnavailableError: The lake cannot be reached.
        StoreError: It has no table of bars.
    """
    span, closed = timedelta(days=days), closed_in_lake(window, now)
    for day in reversed(stored_days(lake, BAR)):
        midnight = datetime.combine(day, time.min, UTC)
        ends = [batch["window_end"] for batch in read_rows(lake, BAR, midnight, now, closed, ("window_end",))]
        if ends:
            newest: datetime = pc.max(pa.chunked_array(ends)).as_py()
            return newest - span
    return now - span


def closed_in_lake(window: BarWindow, now: datetime) -> pc.Expression:
    """Return what holds for bars of a window that are closed at `now`."""
    return (pc.field("window") == window.name) & (pc.field("window_end") <= pa.scalar(now, TIME))


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
        InvalidInputError: Two bars end at the same time, an end is missing, or a value is of no such type.
    """
    columns = {name: _converted(table, name) for name in CLOSED_COLUMNS}
    if columns["window_end"].null_count:
        raise InvalidInputError("a bar has no window_end; expected a time")
    table = pa.table(columns).sort_by("window_end")
    ends = table["window_end"].cast(pa.timestamp("us")).to_numpy()
    if (np.diff(ends) <= np.timedelta64(0)).any():
        raise InvalidInputError("two bars end at the same time; expected one")
    return usable_bars(ends, *(pc.fill_null(table[name], np.nan).to_numpy() for name in ("close", "volume")))


def _converted(table: pa.Table, name: str) -> pa.Array:
    """Return a column of any type as that of a bar."""
    column = table[name].combine_chunks()
    column = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
    values, failed = convert(column, BAR.schema.field(name).type)
    if len(failed):
        raise InvalidInputError(
            f"{name} is {shown(found(column[int(failed[0])]))} in row {int(failed[0]) + 1}; expected "
            f"{BAR.schema.field(name).type}"
        )
    return values


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
            f"{window.name}; expected bars as the jobs analytics and archive store them; there are those of: "
            f"{', '.join(known[:20]) or 'none'}"
        )
    return tuple(wanted) or tuple(known)


class LearningBars:
    """The bars that models are trained and evaluated on: of a file, or of the last days in the database or the lake.

    Args:
        settings: The stores, `forecasting.training_days` and the windows, of which the shortest is taken.
        source: A file for `bars_of_file`; None for a store.
        window: Another window.
        symbols: Of which symbols; empty for all.
        from_lake: Which store: the lake, or else the database.

    Raises:
        InvalidInputError: The file cannot be used, or there are no such bars.
        MissingDependencyError: The lake is asked for, and deltalake is not installed.
        StoreUnavailableError: The store cannot be reached.
        StoreError: It has no table of bars.
    """

    def __init__(
        self,
        settings: Settings,
        source: Path | None,
        window: BarWindow | None = None,
        symbols: Sequence[str] = (),
        *,
        from_lake: bool = False,
    ) -> None:
        self.window = window or settings.shortest_window
        self._stored = StoredBars(settings.stores.timescaledb, self.window)
        self._end = datetime.now(UTC)
        days = settings.forecasting.training_days
        self._read: dict[str, ClosedBars] | None = None
        if source is not None:
            self._read = bars_of_file(source, self.window)
        elif from_lake:
            self._read = bars_of_lake(settings.stores.lake, self.window, days, self._end)
        if self._read is not None:
            known = list(self._read)
        else:
            self._start = self._stored.start_of(days, self._end)
            known = self._stored.symbols(self._start)
        origin = source or ("the lake" if from_lake else "the database")
        self.symbols = chosen_symbols(known, symbols, origin, self.window)

    def of(self, symbol: str) -> ClosedBars:
        """Return the closed bars of a symbol.

        Raises:
            StoreUnavailableError: The database cannot be reached.
        """
        if self._read is not None:
            return self._read[symbol]
        return self._stored.since(symbol, self._start, self._end)
