"""Indicators of a file of bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from mdstream.batch.files import check_target, read_bars, staged_frame, write_table
from mdstream.indicators import Indicator, indicator_fields, indicator_record
from mdstream.transforms import with_indicators


@dataclass(frozen=True)
class IndicatorsReport:
    """What became of a file of bars.

    Attributes:
        bars: Bars read, and rows written.
        series: How many pairs of a symbol and a window they are of.
        without_value: Columns that have no value at all, most often because the series are too short.
    """

    bars: int
    series: int
    without_value: tuple[str, ...]


def indicators_of_file(
    spark: SparkSession, source: Path, target: Path, indicators: Sequence[Indicator]
) -> IndicatorsReport:
    """Compute the indicators of a file of bars with the functions of the stream, and write them to one file.

    Args:
        spark: The session.
        source: What `mdstream.batch.files.read_bars` reads: bars of any windows.
        target: A `.parquet` or `.csv` file; it appears when it is complete.
        indicators: What to compute.

    Returns:
        What became of the input. `target` has one row a bar, sorted by symbol, window and start: the key of the bar
        and a column an indicator.

    Raises:
        InvalidInputError: The input cannot be used, or the kind of output is not known.
    """
    check_target(target)
    return indicators_of_bars(spark, read_bars(source), target, indicators)


def indicators_of_bars(
    spark: SparkSession, bars: pa.Table, target: Path, indicators: Sequence[Indicator]
) -> IndicatorsReport:
    """Compute the indicators of bars that were read, and write them to one file; see `indicators_of_file`.

    Args:
        spark: The session.
        bars: What `mdstream.batch.files.read_bars` gives.
        target: A `.parquet` or `.csv` file; it appears when it is complete.
        indicators: What to compute.

    Raises:
        InvalidInputError: The output cannot be written.
    """
    record = indicator_record(indicators)
    values = indicator_fields(indicators)
    schema = pa.schema([*(record.schema.field(name) for name in record.key), *values])
    with staged_frame(spark, bars) as stored:
        computed = stored.transform(with_indicators, indicators)
        table = computed.select(*schema.names).sort(*record.key).toArrow().cast(schema)
    write_table(table, target)
    series = bars.group_by(["symbol", "window"]).aggregate([]).num_rows
    empty = tuple(field.name for field in values if table.num_rows and not _has_value(table[field.name]))
    return IndicatorsReport(table.num_rows, series, empty)


def _has_value(column: pa.ChunkedArray) -> bool:
    return bool(column.null_count < len(column))
