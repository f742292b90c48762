"""Symbols as settings and requests hold them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from mdstream.schemas.limits import MAX_SYMBOL_CHARACTERS, SYMBOL_PATTERN

SYMBOL_WORDS = f"a symbol: 1 to {MAX_SYMBOL_CHARACTERS} printable characters without a blank at either end"
"""What is expected, for people: the pattern itself has characters that cannot be shown."""

_SYMBOL = re.compile(SYMBOL_PATTERN)


def check_symbol(text: str) -> str:
    """Return a text that is a symbol.

    Raises:
        ValueError: It is none.

    Example:
        >>> check_symbol("^GSPC"), check_symbol("SPXW  240506C05100000")
        ('^GSPC', 'SPXW  240506C05100000')
    """
    if _SYMBOL.fullmatch(text) is None:
        raise ValueError(f"expected {SYMBOL_WORDS}")
    return text


Symbol = Annotated[
    str,
    AfterValidator(check_symbol),
    Field(json_schema_extra={"pattern": f"^{SYMBOL_PATTERN}$", "maxLength": MAX_SYMBOL_CHARACTERS}),
]
"""A symbol, refused in words."""
