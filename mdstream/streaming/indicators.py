"""Indicators of bars as their revisions come."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle, TimerValues

from mdstream.config import Settings
from mdstream.errors import InvalidInputError
from mdstream.forecasting.closed_bar import CLOSED_BAR, closed_bar
from mdstream.indicators import LATENCY, Indicator, IndicatorsLike, analysed_schema, read_indicators
from mdstream.indicators.history import BAR_TYPE, Bars, History, Merged, SeriesKey, chosen, computed, joined, no_bars
from mdstream.schemas import BAR
from mdstream.schemas.spark import spark_schema
from mdstream.streaming.buckets import BUCKETS, bucket_of
from mdstream.streaming.history_state import HistoryState
from mdstream.streaming.kafka import IS_VENDORS
from mdstream.streaming.live_analysis import context_of
from mdstream.streaming.warm_up import WarmUp
from mdstream.transforms.dead_letters import REJECT_REASON
from mdstream.transforms.required_columns import require_columns

logger = logging.getLogger(__name__)

_NEEDED = ("symbol", "window", "window_start", "open", "high", "low", "close", "volume", "trade_count")

_NO_TIME = np.iinfo(np.int64).min
"""NaT, as the integer that it is: a column of integers with nulls would come to Python as floats."""


def analyse_stream(revisions: DataFrame, settings: Settings) -> DataFrame:
    """Compute indicators for each revised bar, and after a late revision for the bars behind it.

    The last `history_bars` bars of each symbol and window are kept in Spark's state. A series that has no state yet
    begins with its bars in the database. Bars older than what is kept are left out, which the log says.

    This is the form for any Spark, in Python and micro-batches: 0.3 ms of a core for each series that a batch revises,
    and seconds from a tick to its indicators. The live engine does the same within milliseconds.

    Args:
        revisions: A stream with the columns that `mdstream.transforms.with_bar_fields` gives; what is not a bar is left
            out. And `is_vendors`, if it is there: of bars of which it is false nothing is computed but `CLOSED_BAR`.
        settings: The indicators, the length of the history and the database.

    Returns:
        Analysed bars, see `mdstream.indicators.analysed_schema`, with `is_vendors` and `CLOSED_BAR`, in append mode.
        Bars that are not the vendors' are there only where a forecast is due.
    """
    indicators = settings.indicators
    context = context_of(indicators, settings.history_bars)
    shortest = settings.shortest_window.name
    processor = IndicatorProcessor(indicators, settings.history_bars, context, WarmUp.of(settings), shortest)
    is_vendors = F.col(IS_VENDORS) if IS_VENDORS in revisions.columns else F.lit(True).alias(IS_VENDORS)
    latency = (F.unix_micros("received_time") - F.unix_micros("last_ingest_time")) / 1000
    return _computed(
        revisions.where(F.col(REJECT_REASON).isNull()).select(
            *BAR.schema.names, latency.alias(LATENCY.name), is_vendors
        ),
        processor,
    )


def to_indicator_stream(bars: DataFrame, indicators: IndicatorsLike, history: int) -> DataFrame:
    """Compute indicators on a stream of bars of your own, on any Spark that has `transformWithStateInPandas`.

    What `with_indicators` gives for stored bars, as they come: the last `history` bars of each symbol and window are
    kept in Spark's state, and a bar that comes again with a larger trade_count takes the place of its earlier revision
    and changes the indicators of the bars behind it, which are then given again. A series begins with its first bar.

    It costs 0.3 ms of a core for each series that a batch touches, and a bar's indicators come with its batch, in
    seconds. `mdstream run live_bars` does the same within milliseconds.

    A stateful operator behind an aggregation needs the append mode of both: put `to_bars` with a watermark before it,
    or read bars that another query wrote.

    Args:
        bars: A stream with at least symbol, window, window_start, open, high, low, close, volume and trade_count. Of
            the other columns of `BAR` those that are not there become null.
        indicators: What to compute: text such as `rsi(14)`, a list of it, the configuration's mapping, or what
            `parse_indicators` made of that.
        history: Bars of each symbol and window that are kept, and that an indicator is computed on; 600 are enough for
            the usual ones.

    Returns:
        The columns of `BAR`, those of the indicators and of `RULE_FIELDS`, a row a bar that is new or has changed; for
        a query in append mode.

    Raises:
        InvalidInputError: The frame is no stream, lacks a column, or no history is asked for.
        ConfigError: There is no such indicator.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from mdstream.schemas import BAR
        >>> from mdstream.schemas.spark import spark_schema
        >>> with TemporaryDirectory() as folder:
        ...     bars = spark.readStream.schema(spark_schema(BAR)).parquet(folder)
        ...     to_indicator_stream(bars, ["rsi(14)"], history=600).columns[-4]
        'rsi_14'
    """
    parsed = read_indicators(indicators)
    if not bars.isStreaming:
        raise InvalidInputError("found stored bars; expected a stream of bars: with_indicators is for stored ones")
    if history < 1:
        raise InvalidInputError(f"found a history of {history} bars; expected 1 or more")
    require_columns(bars, "bars", _NEEDED)
    types = {field.name: field.dataType for field in spark_schema(BAR).fields}
    absent = {name: F.lit(None).cast(kind) for name, kind in types.items() if name not in bars.columns}
    nothing = {LATENCY.name: F.lit(None).cast("double"), IS_VENDORS: F.lit(True)}
    rows = bars.withColumns(absent).select(*BAR.schema.names).withColumns(nothing)
    processor = IndicatorProcessor(parsed, history, context_of(parsed, history), None, "")
    return _computed(rows, processor).drop(LATENCY.name, IS_VENDORS, CLOSED_BAR.name)


def _computed(revisions: DataFrame, processor: IndicatorProcessor) -> DataFrame:
    """Return what the processor makes of bars, latencies and whose bars they are."""
    schema = pa.schema([*analysed_schema(processor.indicators), pa.field(IS_VENDORS, pa.bool_()), CLOSED_BAR])
    computed = (
        revisions.select(bucket_of("symbol", "window"), *_as_numbers(), LATENCY.name, IS_VENDORS)
        .groupBy("bucket")
        .transformWithStateInPandas(
            processor, from_arrow_schema(_with_micros(schema)), outputMode="Append", timeMode="None"
        )
    )
    return computed.select(*(_time(field) if _is_time(field) else field.name for field in schema))


def _is_time(field: pa.Field) -> bool:
    return bool(pa.types.is_timestamp(field.type))


def _as_numbers() -> Iterator[Column]:
    for field in BAR.schema:
        if _is_time(field):
            yield F.coalesce(F.unix_micros(field.name), F.lit(_NO_TIME)).alias(field.name)
        else:
            yield F.col(field.name)


def _with_micros(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_type(pa.int64()) if _is_time(field) else field for field in schema])


def _time(field: pa.Field) -> Column:
    return F.timestamp_micros(F.nullif(F.col(field.name), F.lit(_NO_TIME))).alias(field.name)


@dataclass(frozen=True)
class _Result:
    """What a batch changes of a series: bars, what is computed of them, and `CLOSED_BAR` of the newest."""

    series: SeriesKey
    bars: Bars
    values: Mapping[str, NDArray[np.float64]]
    is_vendors: bool
    closed: bytes | None


@dataclass
class IndicatorProcessor(StatefulProcessor):
    """Keeps the histories of a bucket of series and computes on them.

    Attributes:
        indicators: What is computed.
        limit: Bars that are kept of each series.
        context: Bars that a bar needs before it.
        warm_up: Where the bars of a new series come from; None: it has none.
        forecast_window: Window whose closed bars are forecast from.
    """

    indicators: tuple[Indicator, ...]
    limit: int
    context: int
    warm_up: WarmUp | None
    forecast_window: str

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Open the state; see Spark."""
        self._state = HistoryState(handle, self.limit, len(BUCKETS))

    def handleInputRows(  # type: ignore[override]  # noqa: N802 - Spark's name; rows come as pandas frames
        self,
        key: Any,  # noqa: ANN401
        rows: Iterator[pd.DataFrame],
        timerValues: TimerValues,  # noqa: ARG002, N803
    ) -> Iterator[pd.DataFrame]:
        """Take the revisions of one bucket in and yield what they change; see Spark."""
        bucket = BUCKETS.index(int(key[0]))
        revisions, vendors = _by_series(rows)
        histories = self._state.take(bucket)
        changes = self._warmed_up(histories, revisions)
        histories.update(changes)
        results: list[_Result] = []
        left_out = 0
        for series, news in revisions.items():
            known = histories.get(series, History())
            merged = known.merged(news)
            histories[series] = merged.history.trimmed(self.limit)
            left_out += merged.too_old + merged.without_context(self.context)
            if not len(merged.accepted):
                continue
            before = changes.get(series, History())
            changes[series] = History(joined(before.bars, merged.accepted), before.cut)
            results.extend(self._results(series, known, merged, is_vendors=series in vendors))
        self._state.keep(bucket, histories, changes)
        if left_out:
            logger.warning(
                "%d bar revisions are older than the history that is kept: their indicators stay as they are until "
                "'mdstream rebuild'",
                left_out,
            )
        if results:
            yield _frame_of(results)

    def _results(self, series: SeriesKey, known: History, merged: Merged, *, is_vendors: bool) -> Iterator[_Result]:
        closed = self._closed(series, known, merged)
        if is_vendors:
            first = merged.first_to_compute(self.context)
            values = computed(merged.bars, first, self.indicators)
            yield _Result(series, merged.bars[first:], values, is_vendors, closed)
        elif closed is not None:
            nothing = np.full(1, np.nan)
            values = dict.fromkeys(computed(no_bars(), 0, self.indicators), nothing)
            yield _Result(series, merged.bars[-1:], values, is_vendors, closed)

    def _closed(self, series: SeriesKey, known: History, merged: Merged) -> bytes | None:
        """Return the value of `CLOSED_BAR` in the row of the newest bar; no other row has one."""
        if series[1] != self.forecast_window:
            return None
        known_until = known.bars["window_start"][-1] if len(known.bars) else None
        return closed_bar(merged.bars, merged.accepted, known_until)

    def _warmed_up(
        self, histories: Mapping[SeriesKey, History], revisions: Mapping[SeriesKey, Bars]
    ) -> dict[SeriesKey, History]:
        if self.warm_up is None:
            return {}
        return self.warm_up.read(
            {series: bars["window_start"].min() for series, bars in revisions.items() if series not in histories}
        )


def _by_series(chunks: Iterable[pd.DataFrame]) -> tuple[dict[SeriesKey, Bars], set[SeriesKey]]:
    """Return the bars of each series, and the series that have bars of vendors."""
    parts: dict[SeriesKey, list[Bars]] = {}
    vendors: set[SeriesKey] = set()
    for chunk in chunks:
        bars = np.empty(len(chunk), BAR_TYPE)
        for name in BAR_TYPE.names or ():
            values = chunk[name].to_numpy()
            bars[name] = values.view("<M8[us]") if BAR_TYPE[name].kind == "M" else values
        places: dict[SeriesKey, list[int]] = {}
        for place, series in enumerate(zip(chunk["symbol"], chunk["window"], strict=True)):
            places.setdefault(series, []).append(place)
        is_vendors = chunk[IS_VENDORS].to_numpy()
        for series, own in places.items():
            parts.setdefault(series, []).append(chosen(bars, own))
            if is_vendors[own].any():
                vendors.add(series)
    return {series: joined(*own) for series, own in parts.items()}, vendors


def _frame_of(results: Sequence[_Result]) -> pd.DataFrame:
    bars = joined(*(result.bars for result in results))
    counts = [len(result.bars) for result in results]
    columns: dict[str, NDArray[Any]] = {
        name: np.repeat(np.array([result.series[place] for result in results], object), counts)
        for place, name in enumerate(("symbol", "window"))
    }
    for name in BAR_TYPE.names or ():
        columns[name] = bars[name].view(np.int64) if BAR_TYPE[name].kind == "M" else bars[name]
    for name in results[0].values:
        columns[name] = np.concatenate([result.values[name] for result in results])
    closed = np.full(len(bars), None, object)
    closed[np.cumsum(counts) - 1] = [result.closed for result in results]
    vendors = np.repeat([result.is_vendors for result in results], counts)
    return pd.DataFrame(columns | {IS_VENDORS: vendors, CLOSED_BAR.name: closed})
