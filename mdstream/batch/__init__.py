"""The stream's own transforms on stored data: to check, back-test and rebuild."""

from mdstream.batch.bars import BarsReport, bars_of_file

__all__ = ["BarsReport", "bars_of_file"]
