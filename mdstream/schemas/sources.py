"""Which source's ticks bars are made of, where a symbol comes from several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

ALL_SOURCES = "all"
"""In the place of a source: ticks of all of them may be in one bar."""

ANY_OTHER_SYMBOL = "*"
"""In the place of a symbol: what holds for all without an entry of their own."""


@dataclass(frozen=True)
class PrimarySources:
    """The source whose ticks make a symbol's bars.

    Attributes:
        by_symbol: Source of each symbol that has one of its own.
        other: Source of all other symbols; None where that was not decided.
    """

    by_symbol: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    other: str | None = None

    @classmethod
    def parse(cls, configured: str | Mapping[str, str] | None) -> PrimarySources:
        """Read the setting: a source for all symbols, or one for each, with `*` for the others.

        Example:
            >>> PrimarySources.parse({"AAPL": "massive", "*": "finage"})
            PrimarySources(by_symbol={'AAPL': 'massive'}, other='finage')
            >>> PrimarySources.parse("all").of("AAPL")
            'all'
        """
        if configured is None or isinstance(configured, str):
            return cls(other=configured)
        by_symbol = {symbol: source for symbol, source in configured.items() if symbol != ANY_OTHER_SYMBOL}
        return cls(by_symbol, configured.get(ANY_OTHER_SYMBOL))

    def of(self, symbol: str) -> str | None:
        """Return the source of a symbol's bars: `ALL_SOURCES` for any, None where that was not decided."""
        return self.by_symbol.get(symbol, self.other)
