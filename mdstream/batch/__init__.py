"""The stream's own transforms on stored data: to check, back-test and rebuild."""

from mdstream.batch.bars import BarsReport, StagedTicks, bars_of_file, bars_of_ticks, staged_ticks
from mdstream.batch.indicators import IndicatorsReport, indicators_of_bars, indicators_of_file
from mdstream.batch.rules import RulesReport, anomalies_of_bars, anomalies_of_file

__all__ = [
    "BarsReport",
    "IndicatorsReport",
    "RulesReport",
    "StagedTicks",
    "anomalies_of_bars",
    "anomalies_of_file",
    "bars_of_file",
    "bars_of_ticks",
    "indicators_of_bars",
    "indicators_of_file",
    "staged_ticks",
]
