"""Lines of text files, plain or compressed, in blocks of bounded size."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

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


COMPRESSED = {".gz": "gzip", ".zst": "Zstandard", ".zip": "zip"}
"""Endings of compressed files, and what they are called."""


def read_lines(path: Path, member: str | None = None) -> Iterator[LineBlock]:
    """Read the lines of a file; one of `COMPRESSED` is decompressed.

    A line longer than a dead letter may be is cut there, so that no file can exhaust the memory.

    Args:
        path: The file.
        member: Which file of a `.zip`.

    Raises:
        InvalidInputError: The file cannot be read, or its compressed data are damaged.
    """
    first = 1
    kind = COMPRESSED.get(path.suffix.lower())
    try:
        with path.open("rb") as raw:
            size = max(path.stat().st_size, 1)
            with _decompressed(raw, path, member) as file:
                for lines in _split(file):
                    yield LineBlock(first, lines, min(raw.tell() / size, 1.0))
                    first += len(lines)
    except OSError as exc:
        if exc.strerror is not None or kind is None:
            raise InvalidInputError(f"cannot read {path}: {exc.strerror or exc}") from exc
        raise InvalidInputError(f"{path} is not whole {kind} data: {exc}; {first - 1} lines were read") from exc
    except (EOFError, zlib.error, zipfile.BadZipFile, pa.ArrowException) as exc:
        raise InvalidInputError(f"{path} is not whole {kind} data: {exc}; {first - 1} lines were read") from exc
    except (RuntimeError, NotImplementedError) as exc:
        # What zipfile says of a password, and of compressions that it does not know.
        raise InvalidInputError(f"cannot read {path}: {exc}") from exc


def members_of(path: Path) -> list[tuple[str, int]]:
    """Return the names of the files in a `.zip`, with the bytes that they take there.

    Raises:
        InvalidInputError: It cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return [(each.filename, each.compress_size) for each in archive.infolist() if not each.is_dir()]
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as exc:
        raise InvalidInputError(f"{path} is not whole zip data: {exc}") from exc


@contextmanager
def _decompressed(raw: BinaryIO, path: Path, member: str | None) -> Iterator[BinaryIO]:
    if member is not None:
        with zipfile.ZipFile(raw) as archive, archive.open(member) as file:
            yield cast("BinaryIO", file)
    elif path.suffix.lower() == ".gz":
        yield cast("BinaryIO", gzip.GzipFile(fileobj=raw, mode="rb"))
    elif path.suffix.lower() == ".zst":
        with pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd") as stream:
            yield cast("BinaryIO", stream)
    else:
        yield raw


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
