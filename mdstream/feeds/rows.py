"""Rows of a file as they are found, and how they become ticks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from mdstream.errors import InvalidInputError
from mdstream.feeds.columns import convert, found, reason_of
from mdstream.feeds.form import FileForm
from mdstream.feeds.layouts import Layout, likely_column, nearest_format
from mdstream.feeds.parts import FilePart
from mdstream.feeds.rejects import Reject
from mdstream.feeds.shaping import is_trade, tick_column, with_marks
from mdstream.feeds.validation import REQUIRED, refusals, shown
from mdstream.schemas import TICK
from mdstream.schemas.limits import Reason
from mdstream.schemas.times import EXPECTED_TIME, unit_hint

ROW_NUMBER = "row_number"
"""Column that numbers the rows of a file, or of the files of a folder, in their order."""

FILE_TICK_SCHEMA = TICK.schema.append(
    pa.field(ROW_NUMBER, pa.int64(), nullable=False, metadata={"comment": "place in the file: the tie-breaker"})
)
"""Ticks as files give them: the columns of TICK, then the row number."""


@dataclass(frozen=True)
class RawRows:
    """Rows as a file has them.

    Attributes:
        columns: Those that the layout wants and the file has, of any type.
        numbers: Number of each row within its file, ascending.
        payload: Gives the input of the row at a place of `columns`.
        last: Number of the last row or reject; later ones have higher numbers.
        fraction: Share of the file read so far, 0 to 1.
        layout: How the file is written.
        refused: Rows, by place, whose values are no values of a column at all, with the reason.
        rejects: Input between the rows that is not even a row.
    """

    columns: Mapping[str, pa.Array]
    numbers: Sequence[int]
    payload: Callable[[int], bytes]
    last: int
    fraction: float
    layout: Layout = field(default_factory=Layout)
    refused: Mapping[int, str] = field(default_factory=dict)
    rejects: Sequence[Reject] = ()


@dataclass(frozen=True)
class FileBatch:
    """Some ticks of a file.

    Attributes:
        ticks: Usable ticks in the file's order, with `FILE_TICK_SCHEMA`.
        rejects: What was not usable, with the reason.
        fraction: Share of the input read so far, 0 to 1.
        passed_over: How many rows are no trades, as the format has it: quotes, orders.
    """

    ticks: pa.RecordBatch
    rejects: Sequence[Reject]
    fraction: float
    passed_over: int = 0


def check_columns(names: Sequence[str], layout: Layout, form: FileForm, part: FilePart) -> None:
    """Check that a file has the columns a tick needs.

    Raises:
        InvalidInputError: Some are missing, or are there twice.
    """
    needed = {name: layout.column_of(name) for name in REQUIRED}
    if form.symbol_of(layout, part.name) is not None:
        if form.symbol is not None and needed["symbol"] in names:
            raise InvalidInputError(f"{part} has a column {needed['symbol']}, and another symbol was named for it")
        needed.pop("symbol")
    missing = {name: column for name, column in needed.items() if column not in names}
    if missing:
        raise InvalidInputError(_without_columns(names, missing, layout, part))
    twice = sorted({name for name in names if name in layout.wanted and names.count(name) > 1})
    if twice:
        raise InvalidInputError(f"{part} has more than one column {', '.join(twice)}; which one is meant is not clear")


def _without_columns(names: Sequence[str], missing: Mapping[str, str], layout: Layout, part: FilePart) -> str:
    said = (
        f"{part} has no column {', '.join(missing.values())}; found: {', '.join(names) or 'none'}; "
        f"needed: {', '.join(layout.column_of(name) for name in REQUIRED)}"
    )
    if (mark := next((mark for mark in ";\t|" if len(names) == 1 and mark in names[0]), None)) is not None:
        return f"{said}. Its columns are divided by {mark!r}; expected commas, and points in numbers"
    if not layout.name and (nearest := nearest_format(names)):
        said += f". It looks like a file of {nearest}: --format {nearest}"
    pairs = ",".join(f"{likely_column(name, names) or 'THEIRS'}={name}" for name in missing)
    said += f". Or say which of its columns they are: --columns {pairs}"
    return f"{said}; a file of one symbol: --symbol AAPL" if "symbol" in missing else said


def to_ticks(
    raw: RawRows,
    *,
    symbol: str | None = None,
    rows_before: int,
    received_micros: int,
    max_future_skew: timedelta,
    nonpositive_prices: bool = False,
) -> FileBatch:
    """Convert rows to ticks and refuse those that are not usable.

    Args:
        raw: Rows of a file.
        symbol: Whose they are, where no column says so.
        rows_before: Rows of the files before this one.
        received_micros: Ingest time of ticks without one, in epoch microseconds.
        max_future_skew: How far event time may be ahead of ingest time.
        nonpositive_prices: Whether prices may be zero or less.
    """
    reasons = dict(raw.refused)
    batch = _as_fields(raw, symbol, rows_before, reasons)
    unusable = refusals(
        batch,
        received_micros=received_micros,
        max_future_skew=max_future_skew,
        nonpositive_prices=nonpositive_prices,
    )
    reasons = {**unusable, **reasons}
    keep = is_trade(raw.columns, raw.layout, len(raw.numbers))
    passed_over = int(np.count_nonzero(~keep))
    reasons = {row: _with_hint(raw, row, reason) for row, reason in reasons.items() if keep[row]}
    if reasons or passed_over:
        keep[list(reasons)] = False
        batch = batch.filter(pa.array(keep))
    rejects = [Reject(reasons[row], raw.payload(row), raw.numbers[row]) for row in sorted(reasons)]
    rejects = sorted([*raw.rejects, *rejects], key=lambda reject: reject.row or 0)
    return FileBatch(batch.cast(FILE_TICK_SCHEMA), rejects, raw.fraction, passed_over)


def _as_fields(raw: RawRows, symbol: str | None, rows_before: int, reasons: dict[int, str]) -> pa.RecordBatch:
    """Convert the columns, and say which values cannot be."""
    arrays = []
    for tick_field in TICK.schema:
        column = tick_column(raw.columns, raw.layout, tick_field.name, symbol, len(raw.numbers))
        if column is None:
            arrays.append(pa.nulls(len(raw.numbers), tick_field.type))
            continue
        values, failed = convert(column, tick_field.type, raw.layout.times)
        is_codes = tick_field.name == "conditions"
        arrays.append(with_marks(raw.columns, raw.layout, values) if is_codes else values)
        for row in failed.tolist():
            reason = reason_of(tick_field.type)
            reasons.setdefault(row, reason.of(tick_field.name, shown(found(column[row]))))
    arrays.append(pa.array(np.asarray(raw.numbers, dtype=np.int64) + rows_before))
    return pa.RecordBatch.from_arrays(arrays, names=FILE_TICK_SCHEMA.names)


_REASONS_OF_TIME = (Reason.NOT_A_TIME, Reason.EVENT_TIME_TOO_EARLY, Reason.EVENT_TIME_AHEAD)
_OF_TIME = tuple(reason.of("event_time") for reason in _REASONS_OF_TIME)


def _with_hint(raw: RawRows, row: int, reason: str) -> str:
    """Offer, behind a reason against a time, what else it may be; it is never taken for that."""
    if not reason.startswith(_OF_TIME):
        return reason
    value = found(raw.columns[raw.layout.column_of("event_time")][row])
    hint = unit_hint(value, raw.layout.times.unit, datetime.now(UTC)) if isinstance(value, str | int | float) else ""
    if not hint and reason.startswith(_OF_TIME[0]):
        hint = f"expected {EXPECTED_TIME}"
    return f"{reason}; {hint}" if hint else reason
