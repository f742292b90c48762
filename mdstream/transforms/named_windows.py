"""Rows in the windows that they are of, for bars of anything but trades: of quotes, of the flow of orders."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mdstream.schemas import BarWindow
from mdstream.schemas.session_windows import Window, read_windows
from mdstream.schemas.windows import check_lengths
from mdstream.transforms.bar_terms import EXTENDED
from mdstream.transforms.bars import check_names
from mdstream.transforms.session_columns import names_of, with_windows

BAR_KEYS = ("symbol", "window", "window_start", "window_end")
"""Columns of a bar of anything."""


def with_named_windows(rows: DataFrame, windows: Window | str | Sequence[Window | str], *, extended: bool) -> DataFrame:
    """Give each row one for each window that it is in.

    Args:
        rows: Any rows with event_time; one that is in no window is left out.
        windows: Any windows, or their names.
        extended: Whether what is outside of a calendar's sessions is in windows of its own.

    Returns:
        All columns, window, window_start, window_end and `extended`.

    Raises:
        InvalidInputError: There is no window, two have the same name, one is too long, or one names no calendar.
    """
    named = read_named(windows)
    home = F.col("placed")
    belongs = home["start"].isNotNull() & (F.lit(extended) | ~home["extended"])
    # What carries the metadata of event_time carries its watermark: a bar is forgotten when that has passed its end.
    metadata = next(field.metadata for field in rows.schema if field.name == "event_time")
    placed = rows.transform(with_windows, F.unix_micros("event_time"), named).where(belongs)
    return placed.select(
        *rows.columns,
        names_of(named, home["number"]).alias("window"),
        F.timestamp_micros(home["start"]).alias("window_start"),
        F.timestamp_micros(home["end"]).alias("window_end", metadata=metadata),
        home["extended"].alias(EXTENDED),
    )


def read_named(windows: Window | str | Sequence[Window | str]) -> list[Window]:
    """Return windows, after a look at their names and lengths."""
    named = list(read_windows(windows))
    check_names(named)
    check_lengths([window for window in named if isinstance(window, BarWindow)])
    return named


def bar_keys(*, extended: bool) -> list[str]:
    """Return the columns that make a bar what it is."""
    return [*BAR_KEYS, *([EXTENDED] if extended else [])]
