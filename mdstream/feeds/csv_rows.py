"""Rows of CSV files: a header, commas, RFC 4180 quotes, one line a row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from mdstream.errors import InvalidInputError
from mdstream.feeds.lines import LineBlock, read_lines
from mdstream.feeds.rejects import Reject
from mdstream.feeds.rows import RawRows, check_columns
from mdstream.schemas import TICK
from mdstream.schemas.limits import MAX_PAYLOAD_BYTES, Reason

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_csv(path: Path) -> Iterator[RawRows]:
    """Read the rows of a CSV file, plain or gzip.

    Python's own reader and not Arrow's: with that, one bad quote costs the rest of the file.

    Raises:
        InvalidInputError: The file cannot be read, has no header, or lacks columns a tick needs.
    """
    header: list[str] | None = None
    for block in read_lines(path):
        lines, first = block.lines, block.first
        if header is None:
            header = _header(lines[0], path)
            lines, first = lines[1:], first + 1
        yield _rows_of(header, LineBlock(first, lines, block.fraction))
    if header is None:
        raise InvalidInputError(f"{path} is empty; expected a header line with the names of the columns")


def _header(line: bytes, path: Path) -> list[str]:
    cells = _cells_of_line(line.removeprefix(_BYTE_ORDER_MARK))
    if isinstance(cells, Reason):
        raise InvalidInputError(f"the first line of {path} is {cells}; expected the names of the columns")
    names = [cell.strip() for cell in cells]
    check_columns(names, path)
    return names


def _rows_of(header: Sequence[str], block: LineBlock) -> RawRows:
    numbers = [number for number, line in enumerate(block.lines, block.first) if line.strip()]
    lines = [block.lines[number - block.first] for number in numbers]
    rows: list[list[str]] = []
    kept: list[int] = []
    rejects: list[Reject] = []
    for number, line, cells in zip(numbers, lines, _cells(lines), strict=True):
        if len(line) > MAX_PAYLOAD_BYTES:
            rejects.append(Reject(Reason.PAYLOAD_TOO_LONG.of(found=len(line)), line, number))
        elif isinstance(cells, Reason):
            rejects.append(Reject(cells.of(), line, number))
        elif len(cells) != len(header):
            found = f"found {len(cells)}, expected {len(header)}"
            rejects.append(Reject(Reason.WRONG_COLUMN_COUNT.of(found=found), line, number))
        else:
            rows.append(cells)
            kept.append(number)
    columns = dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(header, ())
    return RawRows(
        columns={name: pa.array(columns[name], pa.string()) for name in header if name in TICK.schema.names},
        numbers=kept,
        payload=lambda row: block.lines[kept[row] - block.first],
        last=block.first + len(block.lines) - 1,
        fraction=block.fraction,
        rejects=rejects,
    )


def _cells(lines: Sequence[bytes]) -> Sequence[list[str] | Reason]:
    """Return the cells of each line: at once if all lines are sound, else line by line."""
    try:
        rows = list(csv.reader([line.decode() for line in lines], strict=True))
    except (UnicodeDecodeError, csv.Error):
        rows = []
    # An open quote swallows line ends: then there are fewer rows than lines.
    return rows if len(rows) == len(lines) else [_cells_of_line(line) for line in lines]


def _cells_of_line(line: bytes) -> list[str] | Reason:
    try:
        return next(csv.reader([line.decode()], strict=True), [])
    except UnicodeDecodeError:
        return Reason.NOT_UTF8
    except csv.Error:
        return Reason.NOT_CSV
