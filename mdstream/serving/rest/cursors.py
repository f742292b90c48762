"""Cursors: where the next page of a series begins, opaque to the client."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import orjson

from mdstream.schemas.wire import from_micros, to_micros
from mdstream.stores.timescaledb.series import Position

_BIGINT = 2**63


def encode_cursor(series: Sequence[str], position: Position) -> str:
    """Return the cursor that stands behind the row at `position`.

    Args:
        series: What the series is, e.g. table, symbol and order; the cursor is good for no other.
        position: The place of the page's last row.
    """
    time, *rest = position
    return base64.urlsafe_b64encode(orjson.dumps([*series, to_micros(time), *rest])).rstrip(b"=").decode()


def decode_cursor(series: Sequence[str], cursor: str, kinds: Sequence[type[int] | type[str]]) -> Position:
    """Return the position a cursor stands for.

    Args:
        series: What the series is.
        cursor: The cursor.
        kinds: What follows the time in a position of this series.

    Raises:
        ValueError: It is not a cursor of this series.

    Example:
        >>> from datetime import UTC, datetime
        >>> cursor = encode_cursor(("bars", "AAPL"), (datetime(2013, 10, 7, tzinfo=UTC),))
        >>> decode_cursor(("bars", "AAPL"), cursor, ())[0].isoformat()
        '2013-10-07T00:00:00+00:00'
    """
    try:
        content = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as exc:
        raise ValueError("not a cursor") from exc
    expected = (int, *kinds)
    if not isinstance(content, list) or len(content) != len(series) + len(expected):
        raise ValueError("not a cursor of this series")
    position = content[len(series) :]
    if content[: len(series)] != list(series) or not all(map(_fits, position, expected)):
        raise ValueError("not a cursor of this series")
    try:
        return (from_micros(position[0]), *position[1:])
    except OverflowError as exc:
        raise ValueError("not a cursor of this series") from exc


def _fits(value: object, kind: type[int] | type[str]) -> bool:
    # A bool is an int to isinstance, and never was in a cursor of ours; PostgreSQL has no NUL in a text.
    if type(value) is int:
        return kind is int and -_BIGINT <= value < _BIGINT
    return type(value) is str and kind is str and "\0" not in value
