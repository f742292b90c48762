"""Bars, indicators and anomalies of stored ticks, computed anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.batch.analysed import analysed
from mdstream.batch.archived import archived_ticks
from mdstream.batch.stored import stored_bars, stored_ticks
from mdstream.config import Settings, load_rules
from mdstream.config.conditions import load_conditions
from mdstream.errors import ConfigError, InvalidInputError
from mdstream.indicators import indicator_levels
from mdstream.schemas import ANOMALY, BAR, Record, group_windows
from mdstream.schemas.rules import Rule
from mdstream.stores import lasting_sinks
from mdstream.stores.timescaledb.spans import series_with_bars
from mdstream.streaming import check_rules, write_batch
from mdstream.transforms import from_primary_source, to_anomalies, to_bars

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS_AT_ONCE = 8
"""Ticks of so many days are in work at a time."""


@dataclass(frozen=True)
class RebuildReport:
    """What was computed and stored.

    Attributes:
        start: First instant of which bars were rebuilt: `start` as asked for, or earlier, where its windows start.
        end: First instant after, likewise.
        bars: Bars of all windows.
        indicators: Bars whose indicators were computed: those, and `history_bars` after them, which depend on them.
        anomalies: Anomalies found in the latter.
    """

    start: datetime
    end: datetime
    bars: int
    indicators: int
    anomalies: int


def rebuild(
    spark: SparkSession,
    settings: Settings,
    start: datetime,
    end: datetime,
    symbols: Sequence[str] = (),
    on_progress: Callable[[float], None] = lambda _: None,
    *,
    from_lake: bool = False,
) -> RebuildReport:
    """Compute bars, indicators and anomalies from all stored ticks, late ones too, with the transforms of the stream.

    Times are widened to where windows of the longest length start and end, so that every bar is whole. A bar takes
    the place of the stored one unless that one was made of more ticks, e.g. because retention has dropped some, which
    the lake may still have.
    Indicators are then computed from the bars in the database, with `history_bars` bars before the first, and so are
    those of the `history_bars` bars that follow the last. Everything goes to TimescaleDB and InfluxDB, where they
    are switched on; Redis and Kafka carry what is new. An anomaly that does not hold any more stays.

    Args:
        spark: The session.
        settings: All settings.
        start: First instant, aware.
        end: First instant after, aware.
        symbols: Of which symbols; empty for all.
        on_progress: Called with the share of the work that is done, 0 to 1.
        from_lake: Take the ticks from the lake instead of the database.

    Returns:
        What was stored.

    Raises:
        InvalidInputError: `end` is not after `start`.
        MissingDependencyError: The lake is asked for, and deltalake is not installed.
        ConfigError: TimescaleDB is switched off, or a rule cannot be used.
        StoreUnavailableError: A store cannot be reached; the same rebuild may be started again.
        SinkError: A store refused a batch.
    """
    _refuse_impossible(settings, start, end)
    rules = load_rules(settings)
    check_rules(spark, rules, settings)
    conditions = load_conditions(settings.ticks.conditions_table)
    groups = group_windows(settings.windows)
    stores = settings.stores
    ticks_of = (
        partial(archived_ticks, spark, stores.lake) if from_lake else partial(stored_ticks, spark, stores.timescaledb)
    )
    chunks = [(group, *chunk) for group in groups for chunk in _chunks(start, end, group[-1].seconds)]
    bars = 0
    for number, (group, first, after) in enumerate(chunks, 1):
        ticks = ticks_of(first, after, symbols).transform(from_primary_source, settings.ticks.primary_sources)
        bars += _store(ticks.transform(to_bars, group, conditions), settings, BAR)
        on_progress(number / (len(chunks) + 1))
    widened = min(first for _, first, _ in chunks), max(after for _, _, after in chunks)
    indicators, anomalies = _analyse(spark, settings, rules, *widened, symbols)
    on_progress(1.0)
    return RebuildReport(*widened, bars, indicators, anomalies)


def _refuse_impossible(settings: Settings, start: datetime, end: datetime) -> None:
    if start >= end:
        raise InvalidInputError(f"nothing lies from {start.isoformat()} to {end.isoformat()}; expected a later end")
    if not settings.stores.timescaledb.enabled:
        raise ConfigError("rebuild reads and writes TimescaleDB, which stores.timescaledb.enabled = false switches off")


def _chunks(start: datetime, end: datetime, seconds: int) -> Iterator[tuple[datetime, datetime]]:
    """Yield spans of a few days that together reach from `start` to `end`, and in which windows are whole."""
    length = timedelta(seconds=seconds)
    first = start - (start - _EPOCH) % length
    step = max(length, timedelta(days=_DAYS_AT_ONCE) // length * length)
    while first < end:
        last = min(first + step, end + (_EPOCH - end) % length)
        yield first, last
        first = last


def _analyse(
    spark: SparkSession,
    settings: Settings,
    rules: Sequence[Rule],
    start: datetime,
    end: datetime,
    symbols: Sequence[str],
) -> tuple[int, int]:
    """Compute indicators and anomalies of the stored bars from `start` on; return how many were stored of each."""
    database = settings.stores.timescaledb
    windows = [window.name for window in settings.windows]
    series = series_with_bars(database, windows, start, end, symbols)
    bars = stored_bars(spark, database, series, start, end, settings.history_bars)
    record, levels = settings.indicator_record, indicator_levels(settings.indicators)
    rows = bars.transform(analysed, settings.indicators).where(F.col("window_start") >= start).persist()
    try:
        indicators = _store(rows.select(*record.schema.names), settings, record)
        anomalies = _store(rows.transform(to_anomalies, rules, levels), settings, ANOMALY)
    finally:
        rows.unpersist()
    return indicators, anomalies


def _store(frame: DataFrame, settings: Settings, record: Record) -> int:
    """Write the rows to the stores that keep the past, and return how many there were."""
    return write_batch(lasting_sinks(settings, record), settings.stores.retry_seconds)(frame)
