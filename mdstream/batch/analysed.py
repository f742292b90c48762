"""Bars with all that rules may name, of stored bars."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mdstream.indicators import LATENCY, Indicator
from mdstream.transforms import with_indicators


def analysed(bars: DataFrame, indicators: Sequence[Indicator]) -> DataFrame:
    """Return stored bars with the columns of `mdstream.indicators.analysed_schema`.

    Their latency is null: it is known only of what comes through Kafka.

    Args:
        bars: Columns of BAR.
        indicators: What to compute.
    """
    return bars.transform(with_indicators, indicators).withColumn(LATENCY.name, F.lit(None).cast("double"))
