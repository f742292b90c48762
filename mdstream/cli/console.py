"""The terminal: results go to standard output, everything about them to standard error."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

output = Console()
errors = Console(stderr=True)


def step(doing: str) -> None:
    """Say what is done now, where silence would last."""
    errors.print(f"[dim]{escape(doing)} …[/]", soft_wrap=True, highlight=False)
