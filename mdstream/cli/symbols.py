"""Symbols as they are given on the command line."""

from __future__ import annotations

from mdstream.errors import InvalidInputError
from mdstream.schemas.text_lists import read_symbols


def listed(symbols: str | None) -> tuple[str, ...]:
    """Return the symbols of a list, as `read_symbols` takes it.

    Raises:
        InvalidInputError: It is none.

    Example:
        >>> listed("AAPL, MSFT,"), listed("AAPL MSFT"), listed(None)
        (('AAPL', 'MSFT'), ('AAPL', 'MSFT'), ())
    """
    try:
        return read_symbols(symbols or "")
    except ValueError as exc:
        raise InvalidInputError(f"{symbols}: {exc}") from exc
