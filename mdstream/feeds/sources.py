"""Whether the feeds of a run deliver the same symbols, and what that means for bars."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from mdstream.errors import InvalidInputError
from mdstream.schemas.sources import ALL_SOURCES, PrimarySources

EVERYTHING = "*"
"""In the place of symbols: all that a feed has."""

logger = logging.getLogger(__name__)


def check_sources(symbols_of: Mapping[str, Sequence[str]], primary: PrimarySources) -> None:
    """Refuse feeds of which two deliver a symbol, unless it was decided which of them bars are made of.

    Says so of each symbol whose bars are made of a feed that is not among these.

    Args:
        symbols_of: What each feed delivers; none or `EVERYTHING` for all that it has.
        primary: What was decided.

    Raises:
        InvalidInputError: It was not decided for a symbol.
    """
    takes_all = [name for name, symbols in symbols_of.items() if not symbols or EVERYTHING in symbols]
    sources: dict[str, list[str]] = {EVERYTHING: takes_all} if takes_all else {}
    for name, symbols in symbols_of.items():
        for symbol in symbols if name not in takes_all else ():
            sources.setdefault(symbol, list(takes_all)).append(name)
    for symbol, names in sources.items():
        decided, what = primary.of(symbol), "all others" if symbol == EVERYTHING else symbol
        if decided is None and len(names) > 1:
            raise InvalidInputError(
                f"{what} may come from {' and '.join(names)}: say in ticks.primary_source whose ticks make the bars, "
                f'e.g. {{"{symbol}": {names[0]}}}, or all to mix them'
            )
        if decided not in (None, ALL_SOURCES, *names):
            logger.warning("ticks.primary_source: bars of %s are made of %s, not of %s", what, decided, names[0])
