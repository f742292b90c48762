"""What of a file only who reads it can know, and how it is then written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType

from mdstream.feeds.layouts import Layout, is_file_of, layouts_of
from mdstream.schemas.tick_fields import check_tick_fields
from mdstream.schemas.units import Unit

_MINUTE_MICROS = 60_000_000


@dataclass(frozen=True)
class FileForm:
    """How files of ticks are written, as far as they do not say so themselves.

    Attributes:
        format: A format of `mdstream.feeds.layouts.LAYOUTS`; None for our own columns.
        columns: Names of the file's columns, by the field of TICK that each holds.
        unit: What times count that are numbers; None for the format's unit, microseconds in our own.
        symbol: Whose trades they are, where no column says so.

    Raises:
        InvalidInputError: There is no such format, or no such field.

    Example:
        >>> FileForm(format="kraken").layout_of("XBTUSD.csv", []).times.unit
        <Unit.SECONDS: 's'>
    """

    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unit: Unit | None = None
    symbol: str | None = None

    def __post_init__(self) -> None:
        if self.format is not None:
            layouts_of(self.format)
        check_tick_fields(self.columns)

    def layout_of(self, file_name: str, first_cells: list[str]) -> Layout:
        """Return how a file is written.

        Args:
            file_name: Its name, without the folder.
            first_cells: What stands in its first line, if it is a CSV file.
        """
        known = layouts_of(self.format) if self.format is not None else (Layout(),)
        named = [layout for layout in known if is_file_of(layout, file_name)] or list(known)
        as_wide = [layout for layout in named if len(layout.positions) == len(first_cells)]
        layout = (as_wide or named)[0]
        times = layout.times if self.unit is None else replace(layout.times, unit=self.unit, finer_unit=None)
        parts = is_file_of(layout, file_name)
        found = parts.groupdict() if parts is not None else {}
        if found.get("day"):
            times = replace(times, midnight=date.fromisoformat(found["day"]))
        if found.get("minutes"):
            times = replace(times, ahead_micros=int(found["minutes"]) * _MINUTE_MICROS - 1)
        return replace(layout, times=times, columns={**layout.columns, **self.columns})

    def symbol_of(self, layout: Layout, file_name: str) -> str | None:
        """Return the symbol of a file that has no column of it; None if nothing says it."""
        if self.symbol is not None:
            return self.symbol
        parts = is_file_of(layout, file_name)
        return parts.groupdict().get("symbol") if parts is not None else None
