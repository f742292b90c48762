"""Rows of JSON lines files: one object a line, with the fields of a tick."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from types import NoneType

import orjson
import pyarrow as pa

from mdstream.feeds.columns import reason_of
from mdstream.feeds.form import FileForm
from mdstream.feeds.layouts import Layout
from mdstream.feeds.lines import LineBlock, read_lines
from mdstream.feeds.parts import FilePart
from mdstream.feeds.rejects import Reject
from mdstream.feeds.rows import RawRows
from mdstream.feeds.validation import shown
from mdstream.schemas.limits import MAX_PAYLOAD_BYTES, Reason
from mdstream.schemas.text_lists import codes_of

_NOT_IN_JSON = (b"NaN", b"Infinity")
_SCALARS = {int, float, str, NoneType}


def read_json_lines(part: FilePart, form: FileForm) -> Iterator[RawRows]:
    """Read the rows of a JSON lines file, plain or compressed.

    Every line is judged alone: a field that is missing everywhere is missing in each.

    Raises:
        InvalidInputError: The file cannot be read.
    """
    layout = form.layout_of(part.name, [])
    for block in read_lines(part.path, part.member):
        yield _rows_of(block, layout)


def _rows_of(block: LineBlock, layout: Layout) -> RawRows:
    objects: list[dict[str, object]] = []
    numbers: list[int] = []
    rejects: list[Reject] = []
    for number, line, parsed in objects_of(block):
        if isinstance(parsed, str):
            rejects.append(Reject(parsed, line, number))
        else:
            objects.append(parsed)
            numbers.append(number)
    refused: dict[int, str] = {}
    return RawRows(
        columns={name: _column(objects, name, kind, refused) for name, kind in layout.wanted.items()},
        numbers=numbers,
        payload=lambda row: block.lines[numbers[row] - block.first],
        last=block.first + len(block.lines) - 1,
        fraction=block.fraction,
        layout=layout,
        refused=refused,
        rejects=rejects,
    )


def objects_of(block: LineBlock) -> Iterator[tuple[int, bytes, dict[str, object] | str]]:
    """Yield each line that is not blank with its number, and its JSON object or why there is none."""
    for number, line in enumerate(block.lines, block.first):
        if line.strip():
            yield number, line, parse_object(line)


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


def _column(objects: Sequence[dict[str, object]], name: str, kind: pa.DataType, refused: dict[int, str]) -> pa.Array:
    """Return a field of many objects, with the same verdict for each as if it were alone.

    Numbers stay numbers where all are, which is quicker; beside texts they are written as `convert` reads them.
    """
    values = [fields.get(name) for fields in objects]
    if pa.types.is_list(kind):
        values = [None if type(value) is float and math.isnan(value) else value for value in values]
        codes = [None if value is None else codes_of(value) for value in values]
        _refuse(refused, name, kind, values, [code is None for code in codes])
        return pa.array(codes, kind)
    kinds = set(map(type, values))
    if kind != pa.float64() and float in kinds:
        values = [_without_fraction(value) if type(value) is float else value for value in values]
        kinds = set(map(type, values))
    if not kinds <= _SCALARS:
        _refuse(refused, name, kind, values, [type(value) not in _SCALARS for value in values])
        values = [value if type(value) in _SCALARS else None for value in values]
        kinds &= _SCALARS
    if kind == pa.string() and float in kinds:
        # Beside texts they would be taken for such.
        _refuse(refused, name, kind, values, [type(value) is float for value in values])
        values = [None if type(value) is float else value for value in values]
        kinds -= {float}
    if kinds <= {int, NoneType} or kinds <= {float, NoneType}:
        # Not so for integers beyond 64 bits.
        with suppress(OverflowError, pa.ArrowInvalid):
            return pa.array(values)
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _without_fraction(value: float) -> object:
    """Return the integer that a writer made a float of; NaN is a missing value, and other floats stay."""
    if math.isnan(value):
        return None
    return int(value) if value.is_integer() else value


def _refuse(
    refused: dict[int, str], name: str, kind: pa.DataType, values: Sequence[object], unusable: Sequence[bool]
) -> None:
    for row, value in enumerate(values):
        if unusable[row] and value is not None:
            refused.setdefault(row, reason_of(kind).of(name, shown(value)))
