"""The command `mdstream`."""

import sys

from mdstream.errors import MissingDependencyError, brought_by

__all__ = ["main"]


def main() -> None:
    """Run the command line; where what it is made of is not installed, say what brings it."""
    try:
        with brought_by("commands"):
            from mdstream.cli.app import run_app
    except MissingDependencyError as exc:
        sys.exit(f"error: {exc}")
    run_app()
