"""The stream's own transforms on stored data: to check, back-test and rebuild."""

from mdstream.batch.bars import BarsReport, bars_of_file
from mdstream.batch.indicators import IndicatorsReport, indicators_of_file
from mdstream.batch.rules import RulesReport, anomalies_of_file

__all__ = ["BarsReport", "IndicatorsReport", "RulesReport", "anomalies_of_file", "bars_of_file", "indicators_of_file"]
