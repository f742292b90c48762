"""The files that an input is made of: itself, those of a folder, and those within a zip file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mdstream.errors import InvalidInputError
from mdstream.feeds.lines import COMPRESSED, members_of

PARQUET = (".parquet", ".pq")
CSV = (".csv",)
JSON_LINES = (".jsonl", ".ndjson", ".json")
_ALONE = tuple(ending for ending in COMPRESSED if ending != ".zip")
_TEXT = tuple(kind + ending for kind in (*CSV, *JSON_LINES) for ending in ("", *_ALONE))
KNOWN = (*PARQUET, *_TEXT, ".zip")
"""Endings of files that can be read."""


@dataclass(frozen=True)
class FilePart:
    """One file.

    Attributes:
        path: Where it is, or the zip file that it is in.
        size: How many bytes it takes on the disk.
        member: Its name within the zip file; None if it is none.
    """

    path: Path
    size: int
    member: str | None = None

    @property
    def name(self) -> str:
        """Its name without folders."""
        return self.path.name if self.member is None else Path(self.member).name

    def is_of(self, kinds: tuple[str, ...]) -> bool:
        """Return whether it is of one of these kinds, compressed or not."""
        name = self.name.lower()
        for ending in _ALONE:
            name = name.removesuffix(ending)
        return name.endswith(kinds)

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}/{self.member}"


def parts_of(path: Path) -> list[FilePart]:
    """Return the files of an input, in the order of their names.

    Raises:
        InvalidInputError: There is none of a known kind.
    """
    if path.is_dir():
        visible = (each for each in sorted(path.iterdir()) if each.is_file() and each.name[0] not in "._")
        parts = [part for each in visible if each.name.lower().endswith(KNOWN) for part in _within(each)]
        if not parts:
            inner = sorted(each.name for each in path.iterdir() if each.is_dir())
            hint = f"; each of its folders is read alone: {', '.join(inner[:5])}" if inner else ""
            raise InvalidInputError(f"there is no file of ticks in {path}; known kinds: {', '.join(KNOWN)}{hint}")
        return parts
    if not path.is_file():
        raise InvalidInputError(f"there is no file {path}")
    if not path.name.lower().endswith(KNOWN):
        raise InvalidInputError(f"{path.name} is not of a known kind; known are: {', '.join(KNOWN)}")
    return _within(path)


def _within(path: Path) -> list[FilePart]:
    if path.suffix.lower() != ".zip":
        return [FilePart(path, path.stat().st_size)]
    members = [(name, size) for name, size in sorted(members_of(path)) if Path(name).name[:1] not in ("", ".", "_")]
    readable = [FilePart(path, size, name) for name, size in members if name.lower().endswith((*CSV, *JSON_LINES))]
    if not readable:
        raise InvalidInputError(
            f"there is no file of ticks in {path}; expected one of {', '.join((*CSV, *JSON_LINES))} in it, found: "
            f"{', '.join(name for name, _ in members[:5]) or 'none'}"
        )
    return readable
