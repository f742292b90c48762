"""Lines of text files, plain or gzip, in blocks of bounded size."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mdstream.errors import InvalidInputError
from mdstream.schemas.limits import MAX_DEAD_LETTER_BYTES

_BLOCK_BYTES = 1 << 18


@dataclass(frozen=True)
class LineBlock:
    """Some lines of a file.

    Attributes:
        first: Number of the first line; the first of the file is 1.
        lines: The lines without their ends.
        fraction: Share of the file read so far, 0 to 1.
    """

    first: int
    lines: list[bytes]
    fraction: float


def read_lines(path: Path) -> Iterator[LineBlock]:
    """Read the lines of a file; `.gz` is decompressed.

    A line longer than a dead letter may be is cut there, so that no file can exhaust the memory.

    Raises:
        InvalidInputError: The file cannot be read, or its compressed data are damaged.
    """
    first = 1
    try:
        with path.open("rb") as raw:
            size = max(path.stat().st_size, 1)
            for lines in _split(_decompressed(raw) if path.suffix.lower() == ".gz" else raw):
                yield LineBlock(first, lines, min(raw.tell() / size, 1.0))
                first += len(lines)
    except (EOFError, gzip.BadGzipFile, zlib.error) as exc:
        raise InvalidInputError(f"{path} is not whole gzip data: {exc}; {first - 1} lines were read") from exc
    except OSError as exc:
        raise InvalidInputError(f"cannot read {path}: {exc.strerror}") from exc


def _decompressed(raw: BinaryIO) -> BinaryIO:
    return gzip.GzipFile(fileobj=raw, mode="rb")  # type: ignore[return-value]


def _split(file: BinaryIO) -> Iterator[list[bytes]]:
    rest = b""
    skipping = False
    while block := file.read(_BLOCK_BYTES):
        if skipping:
            _, end, block = block.partition(b"\n")
            skipping = not end
        data = rest + block
        end_of_last = data.rfind(b"\n") + 1
        lines, rest = data[:end_of_last].split(b"\n")[:-1], data[end_of_last:]
        if len(rest) > MAX_DEAD_LETTER_BYTES:
            lines.append(rest)
            rest, skipping = b"", True
        if lines:
            yield [line.removesuffix(b"\r") for line in lines]
    if rest:
        yield [rest.removesuffix(b"\r")]
