"""The stream's own transforms on stored data: to check, back-test and rebuild."""

from mdstream.batch.bars import BarsReport, bars_of_file
from mdstream.batch.indicators import IndicatorsReport, indicators_of_file

__all__ = ["BarsReport", "IndicatorsReport", "bars_of_file", "indicators_of_file"]
