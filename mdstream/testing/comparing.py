"""Whether two frames hold the same bars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pyarrow as pa

from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR

_SHOWN = 5

Row = dict[str, Any]


def assert_bars_equal(actual: object, expected: object, *, rel_tol: float = 0.0) -> None:
    """Fail unless two frames hold the same bars, in any order.

    Rows are matched by symbol, window and window_start. All columns that both frames have are compared; NaN and null
    are the same. Times are compared as instants: one without a zone is in UTC.

    Args:
        actual: A Spark or pandas frame, an Arrow table or rows.
        expected: One of these too.
        rel_tol: How far numbers may be apart, as a share of the larger one: 0 asks for the same to the last bit.

    Raises:
        AssertionError: They differ: it names the first bars that do, and in what.
        InvalidInputError: A frame lacks a column of the key, or is none.

    Example:
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import table_of
        >>> assert_bars_equal(table_of(BAR, [{"close": 2.0}]), table_of(BAR, [{"close": 2.5}]))
        Traceback (most recent call last):
        AssertionError: 1 of 1 bars differ
        AAPL 1min 2026-01-02 14:30:00+00:00: close is 2.0, expected 2.5
    """
    found, wanted = _by_key(actual), _by_key(expected)
    differing = [
        *(f"{_shown(key)}: not expected" for key in found if key not in wanted),
        *(f"{_shown(key)}: missing" for key in wanted if key not in found),
    ]
    for key in wanted:
        if key in found:
            what = _differences(found[key], wanted[key], rel_tol)
            differing += [f"{_shown(key)}: {'; '.join(what)}"] if what else []
    if differing:
        more = [f"and {len(differing) - _SHOWN} more"] if len(differing) > _SHOWN else []
        total = len(found.keys() | wanted.keys())
        raise AssertionError("\n".join([f"{len(differing)} of {total} bars differ", *differing[:_SHOWN], *more]))


def _by_key(frame: object) -> dict[tuple[object, ...], Row]:
    bars: dict[tuple[object, ...], Row] = {}
    for row in _rows(frame):
        missing = [name for name in BAR.key if name not in row]
        if missing:
            raise InvalidInputError(f"bars have no column {missing[0]}; found: {', '.join(row) or 'none'}")
        key = tuple(row[name] for name in BAR.key)
        if key in bars:
            raise AssertionError(f"the bar {_shown(key)} is there twice")
        bars[key] = row
    return bars


def _rows(frame: object) -> list[Row]:
    """Return the rows of a frame of whatever kind: by what it can do, so that none of their packages is needed."""
    if hasattr(frame, "toArrow"):
        frame = frame.toArrow()
    elif hasattr(frame, "to_arrow"):
        frame = frame.to_arrow()
    elif hasattr(frame, "iloc"):
        frame = pa.Table.from_pandas(frame, preserve_index=False)
    if isinstance(frame, pa.Table | pa.RecordBatch):
        frame = frame.to_pylist()
    if not isinstance(frame, Iterable) or isinstance(frame, str | bytes | Mapping):
        raise InvalidInputError(f"expected a frame, a table or rows of bars, found {type(frame).__name__}")
    return [{name: _plain(value) for name, value in row.items()} for row in cast("Iterable[Mapping[str, Any]]", frame)]


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def _differences(found: Row, wanted: Row, rel_tol: float) -> list[str]:
    return [
        f"{name} is {found[name]}, expected {wanted[name]}"
        for name in wanted
        if name in found and not _equal(found[name], wanted[name], rel_tol)
    ]


def _equal(found: object, wanted: object, rel_tol: float) -> bool:
    if isinstance(found, int | float) and isinstance(wanted, int | float):
        return math.isclose(found, wanted, rel_tol=rel_tol, abs_tol=0.0)
    return found == wanted


def _shown(key: tuple[object, ...]) -> str:
    return " ".join(map(str, key))
