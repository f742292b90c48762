"""Markdown of tables and texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"`[^`]*`")
_PLAIN = re.compile(r"[*<>]|__")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""Return a table; what would end a cell is escaped.

    Example:
        >>> print(table(["a", "b"], [["1|2", ""]]))
        | a | b |
        | --- | --- |
        | 1\|2 |  |
        <BLANKLINE>
    """
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(text: object) -> str:
    """Return a text as code, nothing for nothing.

    Example:
        >>> code("a"), code("")
        ('`a`', '')
    """
    return f"`{text}`" if str(text) else ""


def prose(text: str) -> str:
    """Return a docstring or a help text, in which only code is marked, as Markdown that shows it as it stands.

    Example:
        >>> prose("'*' is all, see `a*b`")
        "'&#42;' is all, see `a*b`"
    """
    parts, end = [], 0
    for marked in _CODE.finditer(text):
        parts += [_plain(text[end : marked.start()]), marked.group()]
        end = marked.end()
    return "".join([*parts, _plain(text[end:])])


def _plain(text: str) -> str:
    return _PLAIN.sub(lambda found: "".join(f"&#{ord(sign)};" for sign in found.group()), text)


def _cell(text: str) -> str:
    return text.replace("\\|", "|").replace("|", "\\|").replace("\n", " ")
