"""The terminal: results go to standard output, everything about them to standard error."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

output = Console()
errors = Console(stderr=True)


def table_of(*columns: str) -> Table:
    """Return a table whose cells go on in the next line where they do not fit, and are never cut off.

    Example:
        >>> [column.overflow for column in table_of("symbol", "verdict").columns]
        ['fold', 'fold']
    """
    return Table(*(Column(name, overflow="fold") for name in columns))


def grid_of(columns: int) -> Table:
    """Return a table like those of `table_of` without lines and heads, for names and what belongs to them.

    Example:
        >>> len(grid_of(2).columns)
        2
    """
    grid = table_of(*[""] * columns)
    grid.box, grid.show_header = None, False
    return grid


def step(doing: str) -> None:
    """Say what is done now, where silence would last."""
    errors.print(f"[dim]{escape(doing)} …[/]", soft_wrap=True, highlight=False)
