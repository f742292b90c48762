"""Rows of CSV files: commas, RFC 4180 quotes, one line a row, and a header unless the format has none."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

import pyarrow as pa

from mdstream.errors import InvalidInputError
from mdstream.feeds.form import FileForm
from mdstream.feeds.layouts import Layout
from mdstream.feeds.lines import LineBlock, read_lines
from mdstream.feeds.parts import FilePart
from mdstream.feeds.rejects import Reject
from mdstream.feeds.rows import RawRows, check_columns
from mdstream.schemas.limits import MAX_PAYLOAD_BYTES, Reason

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_csv(part: FilePart, form: FileForm) -> Iterator[RawRows]:
    """Read the rows of a CSV file, plain or compressed.

    Python's own reader and not Arrow's: with that, one bad quote costs the rest of the file.

    Raises:
        InvalidInputError: The file cannot be read, has no header, or lacks columns a tick needs.
    """
    header: list[str] | None = None
    layout = Layout()
    for block in read_lines(part.path, part.member):
        lines, first = block.lines, block.first
        if header is None:
            cells = first_cells(lines[0], part)
            layout = form.layout_of(part.name, cells)
            header = list(layout.positions) or cells
            if len(header) != len(cells):
                raise InvalidInputError(
                    f"{part} has {len(cells)} columns; expected files of {layout.name} with {len(header)}: "
                    f"{', '.join(header)}"
                )
            check_columns(header, layout, form, part)
            if not layout.positions or not _is_number(cells[0]):
                lines, first = lines[1:], first + 1
        yield _rows_of(header, layout, LineBlock(first, lines, block.fraction))
    if header is None:
        raise InvalidInputError(f"{part} is empty; expected a header line with the names of the columns")


def first_cells(line: bytes, part: FilePart) -> list[str]:
    """Return the cells of a file's first line.

    Raises:
        InvalidInputError: It is no CSV.
    """
    cells = _cells_of_line(line.removeprefix(_BYTE_ORDER_MARK))
    if isinstance(cells, Reason):
        raise InvalidInputError(f"the first line of {part} is {cells}; expected the names of the columns")
    return [cell.strip() for cell in cells] or [""]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _rows_of(header: Sequence[str], layout: Layout, block: LineBlock) -> RawRows:
    numbers = [number for number, line in enumerate(block.lines, block.first) if line.strip()]
    lines = [block.lines[number - block.first] for number in numbers]
    rows: list[list[str]] = []
    kept: list[int] = []
    rejects: list[Reject] = []
    for number, line, cells in zip(numbers, lines, cells_of(lines), strict=True):
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
        columns={name: pa.array(columns[name], pa.string()) for name in header if name in layout.wanted},
        numbers=kept,
        payload=lambda row: block.lines[kept[row] - block.first],
        last=block.first + len(block.lines) - 1,
        fraction=block.fraction,
        layout=layout,
        rejects=rejects,
    )


def cells_of(lines: Sequence[bytes]) -> Sequence[list[str] | Reason]:
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
