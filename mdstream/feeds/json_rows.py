"""Rows of JSON lines files: one object a line, with the fields of a tick."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from types import NoneType

import orjson
import pyarrow as pa

from mdstream.feeds.columns import reason_of
from mdstream.feeds.lines import LineBlock, read_lines
from mdstream.feeds.rejects import Reject
from mdstream.feeds.rows import RawRows
from mdstream.feeds.validation import shown
from mdstream.schemas import TICK
from mdstream.schemas.limits import MAX_PAYLOAD_BYTES, Reason

_NOT_IN_JSON = (b"NaN", b"Infinity")


def read_json_lines(path: Path) -> Iterator[RawRows]:
    """Read the rows of a JSON lines file, plain or gzip.

    Every line is judged alone: a field that is missing everywhere is missing in each.

    Raises:
        InvalidInputError: The file cannot be read.
    """
    for block in read_lines(path):
        yield _rows_of(block)


def _rows_of(block: LineBlock) -> RawRows:
    objects: list[dict[str, object]] = []
    numbers: list[int] = []
    rejects: list[Reject] = []
    for number, line in enumerate(block.lines, block.first):
        if not line.strip():
            continue
        parsed = parse_object(line)
        if isinstance(parsed, str):
            rejects.append(Reject(parsed, line, number))
        else:
            objects.append(parsed)
            numbers.append(number)
    refused: dict[int, str] = {}
    return RawRows(
        columns={field.name: _column(objects, field, refused) for field in TICK.schema},
        numbers=numbers,
        payload=lambda row: block.lines[numbers[row] - block.first],
        last=block.first + len(block.lines) - 1,
        fraction=block.fraction,
        refused=refused,
        rejects=rejects,
    )


def parse_object(payload: bytes) -> dict[str, object] | str:
    """Return the JSON object of a payload, or why there is none.

    Example:
        >>> parse_object(b'{"price": 1.5}'), parse_object(b"[1]")
        ({'price': 1.5}, 'not a JSON object: list')
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        return Reason.PAYLOAD_TOO_LONG.of(found=len(payload))
    try:
        value = orjson.loads(payload)
    except orjson.JSONDecodeError as exc:
        value = _parse_not_a_number(payload)
        if value is None:
            return _why_not_json(payload, exc)
    return value if isinstance(value, dict) else Reason.NOT_AN_OBJECT.of(found=type(value).__name__)


def _parse_not_a_number(payload: bytes) -> object:
    """Parse what many writers take for JSON, Python's own among them: NaN and Infinity as numbers."""
    if not any(word in payload for word in _NOT_IN_JSON):
        return None
    try:
        value = json.loads(payload)
        orjson.dumps(value)  # refuses text that is not Unicode
    except (ValueError, RecursionError, orjson.JSONEncodeError):
        return None
    return value


def _why_not_json(payload: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return Reason.NOT_UTF8.of()
    return Reason.NOT_JSON.of(found=error.msg)


def _is_codes(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(code, str) for code in value)


def _column(objects: Sequence[dict[str, object]], field: pa.Field, refused: dict[int, str]) -> pa.Array:
    values = [fields.get(field.name) for fields in objects]
    kinds = set(map(type, values))
    if pa.types.is_list(field.type):
        codes = kinds <= {list, NoneType} and set(map(type, chain.from_iterable(filter(None, values)))) <= {str}  # type: ignore[arg-type]
        return pa.array(values if codes else _only(_is_codes, values, field, refused), field.type)
    scalars = {int, str, NoneType} if pa.types.is_string(field.type) else {int, float, str, NoneType}
    if not kinds <= scalars:
        values = _only(lambda value: type(value) in scalars, values, field, refused)
    if kinds <= {int, float, NoneType}:
        # Not so for integers beyond 64 bits, or beside floats beyond their precision.
        with suppress(OverflowError, pa.ArrowInvalid):
            return pa.array(values)
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _only(
    accepted: Callable[[object], bool], values: Sequence[object], field: pa.Field, refused: dict[int, str]
) -> list[object]:
    """Replace the values that are not accepted by None and refuse their rows."""
    kept: list[object] = []
    for row, value in enumerate(values):
        fits = value is None or accepted(value)
        kept.append(value if fits else None)
        if not fits:
            refused.setdefault(row, reason_of(field.type).of(field.name, shown(value)))
    return kept
