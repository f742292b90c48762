"""Rows of files of quotes: JSON lines and CSV, with our own fields, Alpaca's or Massive's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mdstream.errors import InvalidInputError
from mdstream.feeds.base import WireQuote
from mdstream.feeds.csv_rows import cells_of, first_cells
from mdstream.feeds.json_rows import objects_of
from mdstream.feeds.lines import LineBlock, read_lines
from mdstream.feeds.parts import CSV, FilePart
from mdstream.schemas import QUOTE
from mdstream.schemas.limits import MAX_PAYLOAD_BYTES, Reason
from mdstream.schemas.times import parse_time
from mdstream.schemas.wire import to_micros

_NANOSECONDS = "sip_timestamp"
"""Massive's time, which counts them."""

_NAMES: Mapping[str, tuple[str, ...]] = {
    "symbol": ("symbol", "S", "ticker"),
    "event_time": ("event_time", "t", "timestamp", _NANOSECONDS),
    "bid": ("bid", "bp", "bid_price"),
    "ask": ("ask", "ap", "ask_price"),
    "bid_size": ("bid_size", "bs"),
    "ask_size": ("ask_size", "as"),
    "sequence": ("sequence", "sequence_number"),
}
"""What fields are called: by us, in Alpaca's JSON, and in CSV files of Alpaca's and Massive's."""

_EXCHANGES = (("bx", "bid_exchange"), ("ax", "ask_exchange"))
_NUMBERS = frozenset(name for of in ("bid", "ask", "bid_size", "ask_size") for name in _NAMES[of])
_WHOLE = frozenset(name for of in ("event_time", "sequence", "ingest_time") for name in _NAMES.get(of, (of,)))

Row = tuple[int, bytes, Mapping[str, object] | str]
"""Number of a line, the line, and its fields or why it has none."""


@dataclass(frozen=True)
class QuoteBlock:
    """Some rows of a file.

    Attributes:
        rows: Those that are not blank.
        fraction: Share of the file read so far, 0 to 1.
    """

    rows: list[Row]
    fraction: float


def quote_of_fields(fields: Mapping[str, object], symbol: str | None = None) -> WireQuote:
    """Return the quote that a row of a file holds, not judged yet.

    Sizes stay as they are: the consolidated tape's count round lots before 2025-11-03. The two sides of Alpaca's may be
    of different exchanges: then it is a quote of none. Massive's are the best of all exchanges.

    Args:
        fields: Those of QUOTE, of Alpaca's historical and live quotes, or of Massive's files; others are left alone.
        symbol: Whose quote it is, where no field says so.

    Example:
        >>> line = {"t": "2021-02-06T13:04:56.334320128Z", "ax": "C", "ap": 387.62, "bx": "N", "bp": 387.5, "bs": 1}
        >>> quote = quote_of_fields(line, "SPY")
        >>> quote["symbol"], quote["event_time"], quote["bid"], quote["ask"], quote["exchange"]
        ('SPY', 1612616696334320, 387.5, 387.62, None)
    """
    quote = {name: _first(fields, _NAMES.get(name, (name,))) for name in QUOTE.schema.names}
    if quote["symbol"] is None:
        quote["symbol"] = symbol
    if quote["exchange"] is None and _NANOSECONDS not in fields:
        bid, ask = (_first(fields, names) for names in _EXCHANGES)
        quote["exchange"] = bid if bid == ask else None
    if isinstance(time := quote["event_time"], str):
        quote["event_time"] = _micros(time)
    elif isinstance(time, int) and time == fields.get(_NANOSECONDS):
        quote["event_time"] = time // 1_000
    return quote


def read_quote_rows(part: FilePart, symbol: str | None) -> Iterator[QuoteBlock]:
    """Read the rows of a file.

    Args:
        part: The file.
        symbol: Whose quotes they are, where no column says so.

    Raises:
        InvalidInputError: It cannot be read, or a CSV file lacks columns that a quote needs.
    """
    if part.is_of(CSV):
        yield from _rows_of_csv(part, symbol)
        return
    for block in read_lines(part.path, part.member):
        yield QuoteBlock(list(objects_of(block)), block.fraction)


def _first(fields: Mapping[str, object], names: Sequence[str]) -> object:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _micros(time: str) -> int | str:
    """Return epoch microseconds; what is no time stays, and is refused as one later."""
    try:
        return to_micros(parse_time(time))
    except ValueError:
        return time


def _rows_of_csv(part: FilePart, symbol: str | None) -> Iterator[QuoteBlock]:
    header: list[str] = []
    for block in read_lines(part.path, part.member):
        lines, first = block.lines, block.first
        if not header:
            header = first_cells(lines[0], part)
            _check_header(header, part, symbol)
            lines, first = lines[1:], first + 1
        yield QuoteBlock(list(_rows(header, LineBlock(first, lines, block.fraction))), block.fraction)
    if not header:
        raise InvalidInputError(f"{part} is empty; expected a header line with the names of the columns")


def _check_header(header: Sequence[str], part: FilePart, symbol: str | None) -> None:
    needed = ("event_time", "bid", "ask", *(() if symbol else ("symbol",)))
    for field in needed:
        if not set(_NAMES[field]) & set(header):
            remedy = "; a file of one symbol: --symbol AAPL" if field == "symbol" else ""
            raise InvalidInputError(
                f"{part} has no column {field}, also called {', '.join(_NAMES[field][1:])}; "
                f"found: {', '.join(header)}{remedy}"
            )


def _rows(header: Sequence[str], block: LineBlock) -> Iterator[Row]:
    numbered = [(number, line) for number, line in enumerate(block.lines, block.first) if line.strip()]
    for (number, line), cells in zip(numbered, cells_of([line for _, line in numbered]), strict=True):
        if len(line) > MAX_PAYLOAD_BYTES:
            yield number, line, Reason.PAYLOAD_TOO_LONG.of(found=len(line))
        elif isinstance(cells, Reason):
            yield number, line, cells.of()
        elif len(cells) != len(header):
            yield number, line, Reason.WRONG_COLUMN_COUNT.of(found=f"found {len(cells)}, expected {len(header)}")
        else:
            yield number, line, {name: _value(name, cell.strip()) for name, cell in zip(header, cells, strict=True)}


def _value(name: str, cell: str) -> object:
    """Return what a cell says; what is no number stays text, and is refused as one later."""
    if not cell:
        return None
    with suppress(ValueError):
        if name in _NUMBERS:
            return float(cell)
        if name in _WHOLE:
            return int(cell)
    return cell
