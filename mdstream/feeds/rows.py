"""Rows of a file as they are found, and how they become ticks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pyarrow as pa

from mdstream.errors import InvalidInputError, did_you_mean
from mdstream.feeds.columns import convert, found, reason_of
from mdstream.feeds.rejects import Reject
from mdstream.feeds.validation import REQUIRED, refusals, shown
from mdstream.schemas import TICK

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
        columns: Those of TICK that the file has, of any type.
        numbers: Number of each row within its file, ascending.
        payload: Gives the input of the row at a place of `columns`.
        last: Number of the last row or reject; later ones have higher numbers.
        fraction: Share of the file read so far, 0 to 1.
        refused: Rows, by place, whose values are no values of a column at all, with the reason.
        rejects: Input between the rows that is not even a row.
    """

    columns: Mapping[str, pa.Array]
    numbers: Sequence[int]
    payload: Callable[[int], bytes]
    last: int
    fraction: float
    refused: Mapping[int, str] = field(default_factory=dict)
    rejects: Sequence[Reject] = ()


@dataclass(frozen=True)
class FileBatch:
    """Some ticks of a file.

    Attributes:
        ticks: Usable ticks in the file's order, with `FILE_TICK_SCHEMA`.
        rejects: What was not usable, with the reason.
        fraction: Share of the input read so far, 0 to 1.
    """

    ticks: pa.RecordBatch
    rejects: Sequence[Reject]
    fraction: float


def check_columns(names: Sequence[str], path: object) -> None:
    """Check that a file has the columns a tick needs.

    Raises:
        InvalidInputError: Some are missing, or are there twice.
    """
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        hints = "; ".join(f"'{name}': {did_you_mean(name, names)}" for name in missing)
        raise InvalidInputError(
            f"{path} has no column {', '.join(missing)}; found: {', '.join(names) or 'none'}; "
            f"needed: {', '.join(REQUIRED)}. {hints}"
        )
    twice = sorted({name for name in names if name in TICK.schema.names and names.count(name) > 1})
    if twice:
        raise InvalidInputError(f"{path} has more than one column {', '.join(twice)}; which one is meant is not clear")


def to_ticks(raw: RawRows, *, rows_before: int, received_micros: int, max_future_skew: timedelta) -> FileBatch:
    """Convert rows to ticks and refuse those that are not usable.

    Args:
        raw: Rows of a file.
        rows_before: Rows of the files before this one.
        received_micros: Ingest time of ticks without one, in epoch microseconds.
        max_future_skew: How far event time may be ahead of ingest time.
    """
    reasons = dict(raw.refused)
    arrays = []
    for tick_field in TICK.schema:
        column = raw.columns.get(tick_field.name)
        if column is None:
            arrays.append(pa.nulls(len(raw.numbers), tick_field.type))
            continue
        values, failed = convert(column, tick_field.type)
        arrays.append(values)
        for row in failed.tolist():
            reason = reason_of(tick_field.type)
            reasons.setdefault(row, reason.of(tick_field.name, shown(found(column[row]))))
    arrays.append(pa.array(np.asarray(raw.numbers, dtype=np.int64) + rows_before))
    batch = pa.RecordBatch.from_arrays(arrays, names=FILE_TICK_SCHEMA.names)
    unusable = refusals(batch, received_micros=received_micros, max_future_skew=max_future_skew)
    reasons = {**unusable, **reasons}
    if reasons:
        keep = np.ones(len(batch), dtype=bool)
        keep[list(reasons)] = False
        batch = batch.filter(pa.array(keep))
    rejects = [Reject(reasons[row], raw.payload(row), raw.numbers[row]) for row in sorted(reasons)]
    rejects = sorted([*raw.rejects, *rejects], key=lambda reject: reject.row or 0)
    return FileBatch(batch.cast(FILE_TICK_SCHEMA), rejects, raw.fraction)
