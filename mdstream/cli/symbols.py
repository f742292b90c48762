"""Symbols as they are given on the command line."""

from __future__ import annotations


def listed(symbols: str | None) -> tuple[str, ...]:
    """Return the symbols of a list with commas.

    Example:
        >>> listed("AAPL, MSFT,"), listed(None)
        (('AAPL', 'MSFT'), ())
    """
    return tuple(symbol.strip() for symbol in (symbols or "").split(",") if symbol.strip())
