"""Technical indicators as plain functions of arrays, by their names in TA-Lib; nothing here knows Spark."""

from mdstream.indicators.configuration import parse_indicators
from mdstream.indicators.extension import IndicatorExtension, runs_in_engine
from mdstream.indicators.indicator import Indicator
from mdstream.indicators.memory import bars_needed
from mdstream.indicators.records import analysed_schema, indicator_fields, indicator_levels, indicator_record
from mdstream.indicators.text import IndicatorsLike, read_indicators
from mdstream.indicators.values import LATENCY, RULE_FIELDS, indicator_values, rule_values

__all__ = [
    "LATENCY",
    "RULE_FIELDS",
    "Indicator",
    "IndicatorExtension",
    "IndicatorsLike",
    "analysed_schema",
    "bars_needed",
    "indicator_fields",
    "indicator_levels",
    "indicator_record",
    "indicator_values",
    "parse_indicators",
    "read_indicators",
    "rule_values",
    "runs_in_engine",
]
