"""The terminal: results go to standard output, everything about them to standard error."""

from __future__ import annotations

from rich.console import Console

output = Console()
errors = Console(stderr=True)
