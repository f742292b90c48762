"""Indicators of bars, in batch."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql.types import DoubleType, StructField, StructType

from mdstream.errors import InvalidInputError
from mdstream.indicators import RULE_FIELDS, Indicator, IndicatorsLike, indicator_values, read_indicators, rule_values
from mdstream.indicators.catalogue import BAR_SERIES
from mdstream.schemas.records import TIME

_SERIES_OF = ("symbol", "window")
_ORDER = "window_start"


def with_indicators(bars: DataFrame, indicators: IndicatorsLike) -> DataFrame:
    """Add the columns of the indicators and those of `RULE_FIELDS` to stored bars.

    Each (symbol, window) is one series, computed from its first bar to its last; null where there is no value.

    Only for frames that are complete. Of a stream it would compute each micro-batch as if history began with it, so it
    refuses one; the stream has its own way, with the history as state.

    Python computes here, on Arrow arrays without pandas in between: TA-Lib is C behind Python, and its recursive
    averages, which take each value from the one before it, are not expressions of Spark's window functions. The
    price is that one series must fit into a worker's memory, and that a filter on the result is not pushed below it.

    Args:
        bars: Rows with at least symbol, window, window_start, open, high, low, close and volume, one a key, in any
            order. Other columns stay.
        indicators: What to compute: text such as `rsi(14)`, a list of it, the configuration's mapping, or what
            `parse_indicators` made of that.

    Raises:
        InvalidInputError: A column is missing, or there already, or the frame is a stream.
        ConfigError: There is no such indicator.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import BAR
        >>> from mdstream.testing import frame_of
        >>> minutes = [datetime(2026, 1, 5, 14, minute, tzinfo=UTC) for minute in (30, 31)]
        >>> bars = frame_of(spark, BAR, [{"window_start": start, "close": start.minute} for start in minutes])
        >>> bars.transform(with_indicators, ["sma(2)"]).select("close", "sma_2").sort("close").collect()
        [Row(close=30.0, sma_2=None), Row(close=31.0, sma_2=30.5)]
    """
    computed = read_indicators(indicators)
    if bars.isStreaming:
        raise InvalidInputError("found a stream of bars; expected stored bars, each series whole")
    new = [*(column for indicator in computed for column in indicator.columns), *(f.name for f in RULE_FIELDS)]
    missing = [name for name in (*_SERIES_OF, _ORDER, *BAR_SERIES) if name not in bars.columns]
    if missing:
        raise InvalidInputError(f"bars have no column {missing[0]}; found: {', '.join(bars.columns)}")
    present = [name for name in new if name in bars.columns]
    if present:
        raise InvalidInputError(f"bars have a column {present[0]} already; expected bars without indicators")
    schema = StructType([*bars.schema.fields, *(StructField(name, DoubleType()) for name in new)])
    return bars.groupBy(*_SERIES_OF).applyInArrow(_computation(computed), schema)


def _computation(indicators: tuple[Indicator, ...]) -> Callable[[pa.Table], pa.Table]:
    def compute(series: pa.Table) -> pa.Table:
        ordered = series.take(pc.sort_indices(series, sort_keys=[(_ORDER, "ascending")]))
        bars = {name: ordered.column(name).cast(pa.float64()).to_numpy() for name in BAR_SERIES}
        for name, values in {**indicator_values(indicators, bars), **rule_values(bars)}.items():
            ordered = ordered.append_column(name, pa.array(values, pa.float64(), from_pandas=True))
        # Spark hands times over in the session's zone and takes them back in UTC alone.
        return ordered.cast(pa.schema(field.with_type(_in_utc(field.type)) for field in ordered.schema))

    return compute


def _in_utc(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return TIME
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_in_utc(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_in_utc(field.type)) for field in kind])
    if pa.types.is_map(kind):
        key, item = kind.key_field, kind.item_field
        return pa.map_(key.with_type(_in_utc(key.type)), item.with_type(_in_utc(item.type)))
    return kind
