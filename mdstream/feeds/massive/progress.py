"""How far a back-fill has come, in a small file that outlives the process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson

from mdstream.errors import InvalidInputError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a symbol's back-fill goes on.

    Attributes:
        page: Path of the page that is in work; None when there is none left.
        row: Rows of that page that were delivered.
        delivered: Rows of all pages that were delivered.
    """

    page: str | None
    row: int = 0
    delivered: int = 0


class BackfillProgress:
    """The place of each symbol, kept in a JSON file that is replaced as a whole.

    Args:
        file: The file; made with its folder when the first place is kept.

    Raises:
        InvalidInputError: The file is not one of ours, or cannot be read.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._places: dict[str, Place] = {}
        if not file.exists():
            return
        try:
            self._places = {symbol: Place(**place) for symbol, place in orjson.loads(file.read_bytes()).items()}
        except (OSError, ValueError, AttributeError, TypeError) as exc:
            raise InvalidInputError(
                f"{file} does not say how far a back-fill has come: {exc}; delete it to start from the beginning"
            ) from exc

    def place_of(self, symbol: str) -> Place | None:
        """Return where `symbol` goes on; None if it has not begun."""
        return self._places.get(symbol)

    def unfinished(self, symbols: Iterable[str]) -> list[str]:
        """Return those of `symbols` that are not complete, each once."""
        places = {symbol: self._places.get(symbol) for symbol in symbols}
        return [symbol for symbol, place in places.items() if place is None or place.page is not None]

    def keep(self, symbol: str, place: Place) -> None:
        """Write down where `symbol` goes on.

        Raises:
            InvalidInputError: The file cannot be written.
        """
        self._places[symbol] = place
        written = self._file.with_suffix(".new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            written.write_bytes(orjson.dumps(self._places, option=orjson.OPT_INDENT_2))
            written.replace(self._file)
        except OSError as exc:
            raise InvalidInputError(f"cannot keep the progress of the back-fill in {self._file}: {exc}") from exc
