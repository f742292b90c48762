"""In which window of a calendar an instant is, in built-in Columns: look-ups in arrays, no join and no Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.schemas.calendars import Calendar
from mdstream.schemas.session_table import SessionTable, session_table
from mdstream.schemas.session_windows import Period, SessionWindow, Window
from mdstream.schemas.windows import BarWindow
from mdstream.transforms.bar_terms import MICROSECONDS

_Table = tuple[Calendar, Period | None]


def with_windows(rows: DataFrame, micros: Column, windows: Sequence[Window]) -> DataFrame:
    """Give each row one for each window that it is in, with the column `placed`.

    Args:
        rows: Any rows.
        micros: Their instants, in microseconds since 1970; what is null is in no window.
        windows: Any windows.

    Returns:
        All columns and `placed`: number, start and end (microseconds) of the window, and whether it is outside of all
        sessions (`extended`). An instant that a calendar does not cover fails the query, which says so.
    """
    placed, homes = _looked_up(rows, micros, windows)
    # Made here: of an array in a column Spark asks whether it is empty, and computes all of it once more for that.
    return placed.select(*rows.columns, F.explode(homes).alias("placed"))


def with_homes(rows: DataFrame, micros: Column, windows: Sequence[Window]) -> DataFrame:
    """Add the array `homes` of what `with_windows` makes rows of."""
    placed, homes = _looked_up(rows, micros, windows)
    return placed.select(*rows.columns, homes.alias("homes"))


def _looked_up(rows: DataFrame, micros: Column, windows: Sequence[Window]) -> tuple[DataFrame, Column]:
    """Return the rows with what the windows need to know of them, and the array of what each makes of a row."""
    tables = list(dict.fromkeys(_table_of(window) for window in windows if isinstance(window, SessionWindow)))
    helpers = {
        "placed_micros": micros,
        "placed_second": F.call_function("div", micros - F.pmod(micros, F.lit(MICROSECONDS)), F.lit(MICROSECONDS)),
    }
    # Each step is a projection of its own, so that what several others need is computed once.
    placed = rows.withColumns(helpers)
    if tables:
        numbered = list(enumerate(tables))
        placed = placed.withColumns({f"placed_slot_{n}": _slot(*table) for n, table in numbered})
        placed = placed.withColumns({f"placed_pattern_{n}": _pattern(n, *table) for n, table in numbered})
        placed = placed.withColumns({f"placed_part_{n}": _part(n, session_table(*table)) for n, table in numbered})
    return placed, F.array(*(_home(number, window, tables) for number, window in enumerate(windows)))


def names_of(windows: Sequence[Window], number: Column) -> Column:
    """Return the name of the window that `with_windows` has numbered so."""
    return F.element_at(F.array(*(F.lit(window.name) for window in windows)), number + 1)


def _table_of(window: SessionWindow) -> _Table:
    return window.calendar, window.period


def _slot(calendar: Calendar, period: Period | None) -> Column:
    """Return the number of an instant's slot; of one that the calendar does not cover, say so and fail."""
    table = session_table(calendar, period)
    second = F.col("placed_second")
    first, last = (datetime.fromtimestamp(time, UTC).isoformat() for time in (calendar.first, calendar.last))
    refusal = F.concat(
        F.lit("found the time "),
        second.cast("string"),
        F.lit(
            f" (seconds since 1970), which is not within the calendar {calendar.name}: it goes from {first} to {last}; "
            "Calendar.of_exchange and Calendar.of_zone take a first and a last day"
        ),
    )
    slot = F.call_function("div", second - F.lit(table.origin), F.lit(table.slot_seconds))
    return F.when(second.isNull() | second.between(calendar.first, calendar.last - 1), slot).otherwise(
        F.raise_error(refusal).cast("bigint")
    )


def _pattern(number: int, calendar: Calendar, period: Period | None) -> Column:
    table = session_table(calendar, period)
    return F.get(numbers(table.patterns.tolist()), F.col(f"placed_slot_{number}").cast("int"))


def _part(number: int, table: SessionTable) -> Column:
    """Return where the arrays of a table have the part of an instant."""
    pattern, slot = F.col(f"placed_pattern_{number}"), F.col(f"placed_slot_{number}")
    within = F.col("placed_second") - F.lit(table.origin) - slot * table.slot_seconds
    begun = [
        (within >= F.get(numbers(table.begins[:, part].tolist()), pattern)).cast("int")
        for part in range(1, table.parts)
    ]
    return reduce(add, begun, pattern * table.parts)


def _home(number: int, window: Window, tables: Sequence[_Table]) -> Column:
    """Return number, start, end and `extended` of the window that an instant is in."""
    if isinstance(window, BarWindow):
        length = F.lit(window.seconds * MICROSECONDS)
        start = F.col("placed_micros") - F.pmod("placed_micros", length)
        return _struct(number, start, start + length, F.lit(False))
    index = tables.index(_table_of(window))
    table = session_table(*tables[index])
    part, slot = F.col(f"placed_part_{index}"), F.col(f"placed_slot_{index}")
    begin = F.lit(table.origin) + slot * table.slot_seconds
    start, end = (begin + F.get(numbers(each.reshape(-1).tolist()), part) for each in (table.starts, table.ends))
    extended = F.get(numbers(table.in_session.reshape(-1).astype(int).tolist()), part) == 0
    if window.seconds is not None:
        since = F.col("placed_second") - start
        start = F.col("placed_second") - F.pmod(since, F.lit(window.seconds))
        end = F.least(start + window.seconds, end)
    return _struct(number, start * MICROSECONDS, end * MICROSECONDS, extended)


def _struct(number: int, start: Column, end: Column, extended: Column) -> Column:
    return F.struct(F.lit(number).alias("number"), start.alias("start"), end.alias("end"), extended.alias("extended"))


def numbers(values: Iterable[int]) -> Column:
    """Return an array of integers as one constant: a text, which Spark reads when it plans."""
    return F.split(F.lit(",".join(map(str, values))), ",").cast("array<int>")
