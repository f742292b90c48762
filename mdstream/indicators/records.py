"""What is stored of indicators, and what rules see of them."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from mdstream.indicators.indicator import Indicator
from mdstream.indicators.values import LATENCY, RULE_FIELDS
from mdstream.schemas import BAR, Record
from mdstream.schemas.records import TIME

INDICATOR = "indicator"
"""Name of the record that holds indicators, whatever they are."""


def indicator_record(indicators: Iterable[Indicator]) -> Record:
    """Declare the record that holds the indicators of one bar.

    An earlier bar's late revision changes the indicators of the bars after it, whose own `trade_count` stays:
    rows with an equal revision replace each other, as they do in all stores.

    Example:
        >>> from mdstream.indicators import parse_indicators
        >>> indicator_record(parse_indicators({"rsi": {"period": 14}})).schema.names
        ['symbol', 'window', 'window_start', 'trade_count', 'last_event_time', 'rsi_14']
    """
    revision = BAR.schema.field("trade_count").with_metadata({"comment": "revision of the bar these are of"})
    newest = pa.field(
        "last_event_time",
        TIME,
        nullable=True,
        metadata={"comment": "event time of the bar's newest trade at that revision"},
    )
    return Record(
        name=INDICATOR,
        schema=pa.schema(
            [*(BAR.schema.field(name) for name in BAR.key), revision, newest, *indicator_fields(indicators)]
        ),
        topic="technical_indicators",
        table="technical_indicators",
        measurement="technical_indicators",
        key=BAR.key,
        time_column=BAR.time_column,
        revision_column=BAR.revision_column,
    )


def indicator_fields(indicators: Iterable[Indicator]) -> list[pa.Field]:
    """Return the columns of indicators.

    Example:
        >>> from mdstream.indicators import parse_indicators
        >>> [field.name for field in indicator_fields(parse_indicators({"bollinger": {}}))]
        ['bb_upper', 'bb_middle', 'bb_lower']
    """
    return [
        pa.field(column, pa.float64(), nullable=True, metadata={"comment": f"{indicator}; null while warming up"})
        for indicator in indicators
        for column in indicator.columns
    ]


def analysed_schema(indicators: Iterable[Indicator]) -> pa.Schema:
    """Return the columns of an analysed bar, which rules may name: its own, its indicators', and those for rules.

    Example:
        >>> analysed_schema(()).names[-2:]
        ['previous_close', 'latency_ms']
    """
    return pa.schema([*BAR.schema, *indicator_fields(indicators), *RULE_FIELDS, LATENCY])


def indicator_levels(indicators: Iterable[Indicator]) -> dict[str, float]:
    """Return the constant columns that rules may compare with, e.g. `rsi_14_overbought`.

    Example:
        >>> from mdstream.indicators import parse_indicators
        >>> indicator_levels(parse_indicators({"rsi": {"period": 14, "overbought": 70}}))
        {'rsi_14_overbought': 70.0}
    """
    return {name: value for indicator in indicators for name, value in indicator.levels}
