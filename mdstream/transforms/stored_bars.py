"""What transforms of whole series ask of bars."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pyspark.sql import DataFrame
from pyspark.sql import Window as Over
from pyspark.sql.window import WindowSpec

from mdstream.errors import InvalidInputError
from mdstream.transforms.required_columns import require_columns

SERIES = ("symbol", "window")
"""Columns whose values make bars one series."""

ORDER = "window_start"
"""Column by which the bars of a series are ordered."""


def check_stored(rows: DataFrame, needed: Iterable[str], new: Iterable[str] = (), *, what: str = "bars") -> None:
    """See that rows are no stream, that columns are there, and that others are not yet.

    Args:
        rows: Any rows.
        needed: Columns that must be there.
        new: Columns that are about to be added.
        what: What the rows are called.

    Raises:
        InvalidInputError: One of these is not so.
    """
    if rows.isStreaming:
        raise InvalidInputError(f"found a stream of {what}; expected stored {what}, each series whole")
    require_columns(rows, what, needed)
    present = [name for name in new if name in rows.columns]
    if present:
        raise InvalidInputError(f"{what} have a column {present[0]} already; expected {what} without it")


def check_count(name: str, value: int, least: int = 1) -> None:
    """See that an argument is not too small.

    Raises:
        InvalidInputError: It is.
    """
    if value < least:
        raise InvalidInputError(f"found {name} {value}; expected at least {least}")


def check_periods(periods_a_year: float) -> None:
    """See that a number to annualise by is one above 0.

    Raises:
        InvalidInputError: It is not.
    """
    if not 0 < periods_a_year < math.inf:
        raise InvalidInputError(f"found {periods_a_year} periods a year; expected a number above 0")


def over_series() -> WindowSpec:
    """Return the bars of a symbol and window in order of time."""
    return Over.partitionBy(*SERIES).orderBy(ORDER)


def last_bars(count: int) -> WindowSpec:
    """Return a bar and those before it, `count` in all."""
    return over_series().rowsBetween(1 - count, Over.currentRow)


def bars_so_far() -> WindowSpec:
    """Return a bar and all before it."""
    return over_series().rowsBetween(Over.unboundedPreceding, Over.currentRow)
