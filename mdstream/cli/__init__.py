"""The command `mdstream`."""

from mdstream.cli.app import main

__all__ = ["main"]
