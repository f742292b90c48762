"""The live engine: ticks to the bars of all windows and what follows from them, by one Java operator keyed by symbol.

Java, because real-time mode runs no Python, and because Spark's own aggregation holds a market's symbols neither in
memory nor without a row for each window of each tick. `to_bars` says in Columns what the operator builds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.config import Settings
from mdstream.config.jobs import live_query, of_topic
from mdstream.errors import MissingDependencyError
from mdstream.indicators import indicator_record, runs_in_engine
from mdstream.kafka.latest import latest_ingest_time
from mdstream.kafka.raised import findings_since
from mdstream.schemas import ANOMALY, BAR, BarWindow
from mdstream.schemas.limits import (
    MAX_CONDITIONS,
    MAX_NOTIONAL,
    MAX_PAYLOAD_BYTES,
    MAX_PRICE,
    MAX_SIZE,
    MAX_SYMBOL_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    MIN_SIZE,
)
from mdstream.schemas.rules import Rule
from mdstream.schemas.windows import check_lengths
from mdstream.streaming.checkpoint_files import reached_before
from mdstream.streaming.histories import first_histories
from mdstream.streaming.kafka import (
    RECORD_COLUMNS,
    load_topics,
    read_topic,
    require_topic,
    write_records,
)
from mdstream.streaming.live_analysis import Analysis, plan_analysis
from mdstream.streaming.running_query import RunningQuery
from mdstream.streaming.triggers import Trigger
from mdstream.transforms import ConditionTable
from mdstream.transforms.bar_terms import is_trade
from mdstream.transforms.eligibility import is_eligible
from mdstream.transforms.sources import is_from_primary_source
from mdstream.transforms.ticks import IS_USABLE, TICK_JSON, with_usability

logger = logging.getLogger(__name__)

_SOURCE = "mdstream.engine.KafkaSource"
_PARTITIONS = "spark.sql.shuffle.partitions"
_STATE = "v2"
"""Version of the operator's state: another one begins in a checkpoint of its own."""

TICK_LIMITS = {
    "limits.price": MAX_PRICE,
    "limits.least_size": MIN_SIZE,
    "limits.size": MAX_SIZE,
    "limits.notional": MAX_NOTIONAL,
    "limits.payload_bytes": MAX_PAYLOAD_BYTES,
    "limits.symbol_characters": MAX_SYMBOL_CHARACTERS,
    "limits.text_characters": MAX_TEXT_CHARACTERS,
    "limits.conditions": MAX_CONDITIONS,
}
"""Limits of ticks by the names of the source's options."""

# What the operator's Tick calls its flags.
_MAY = {"open_close": 1, "high_low": 2, "volume": 4}
_IS_TRADE = 8


@dataclass(frozen=True)
class BarRecords:
    """Revisions of bars, and of their indicators and findings, as records of their topics.

    Attributes:
        frame: Columns topic, key and value.
        late_ticks: Returns how many ticks came later than allowed, as of the last batch.
        thinned: Returns how many revisions of forming bars were passed over by the analysis; None without one.
    """

    frame: DataFrame
    late_ticks: Callable[[], int]
    thinned: Callable[[], int] | None


def start_live_bars(
    spark: SparkSession, settings: Settings, conditions: ConditionTable, rules: Sequence[Rule], trigger: Trigger
) -> RunningQuery:
    """Start the query from the topic of ticks to `aggregated_data`, `technical_indicators` and `anomalies`.

    Its checkpoint is named after the windows' lengths, and after a topic that is not ours: with others it begins again
    at the topic's first tick, because bars of a new window must have all its ticks. Where an indicator is not TA-Lib's
    it builds bars alone, and the job `analytics` does the rest.

    Args:
        spark: A session that has the engine's jar (see `mdstream.runtime.engine`).
        settings: Broker, windows, lateness, primary sources, tasks.
        conditions: Which trades may shape a bar.
        rules: What is looked for in bars.
        trigger: Real-time mode, or micro-batches.

    Raises:
        QueryFailedError: The topic does not exist, or the broker does not answer.
        MissingDependencyError: The session lacks the engine's jar.
    """
    taken = settings.ticks
    ticks = read_ticks(spark, settings, trigger)
    is_usable = F.col(IS_USABLE) & is_from_primary_source(taken.primary_sources)
    windows = sorted(settings.windows, key=lambda window: window.seconds)
    name = of_topic(live_query(_STATE, [window.seconds for window in windows]), taken.topic)
    analysis, before = None, None
    if runs_in_engine(settings.indicators):
        raised = findings_since(settings, ANOMALY.topic_name, reached_before(spark, settings, name))
        analysis = Analysis.of(settings, rules, latest_ingest_time(settings, BAR.topic_name), raised)
        before = first_histories(spark, settings, name, BAR.topic_name)
    else:
        name = f"{name}_alone"
        logger.warning("an indicator is not TA-Lib's: indicators and anomalies come from the job analytics, in seconds")
    lateness = taken.allowed_lateness_seconds
    bars = to_bar_records(ticks, windows, conditions, lateness, is_usable, analysis, before)
    again = partial(start_live_bars, spark, settings, conditions, rules, trigger)
    with _shuffle_partitions(spark, settings.spark.live_partitions):
        query = write_records(bars.frame, settings, trigger, name, again)
    return replace(query, late_ticks=bars.late_ticks, thinned=bars.thinned)


def read_ticks(spark: SparkSession, settings: Settings, trigger: Trigger) -> DataFrame:
    """Stream the records of the topic of ticks as such, with a column that says whether they are usable.

    In real-time mode as few tasks read as there are to build bars, each some partitions of the topic, by a source of
    ours: Spark's own has a task a partition, and each takes a slot and polls the broker. With one task there is no
    shuffle either.
    """
    record, rules = settings.tick_record, settings.ticks.reading
    require_topic(settings, record.topic_name)
    if not trigger.real_time:
        return read_topic(spark, settings, record).transform(with_usability, **rules)
    engine_of(spark)
    tasks, live = settings.spark.live_partitions, settings.spark
    fetches = {"kafka.fetch.min.bytes": live.live_fetch_bytes, "kafka.fetch.max.wait.ms": (live.live_wait_ms + 1) // 2}
    options = {"readers": tasks, "ticks": TICK_JSON.json(), **TICK_LIMITS, **fetches}
    records = load_topics(spark, settings, [record], _SOURCE, options).select(*RECORD_COLUMNS, "tick")
    if tasks == 1:
        # Spark then knows that all ticks of a symbol are in one task.
        records = records.coalesce(1)
    return records.transform(with_usability, plain_tick=F.col("tick"), **rules)


def to_bar_records(
    ticks: DataFrame,
    windows: Sequence[BarWindow],
    conditions: ConditionTable,
    lateness_seconds: int,
    is_usable: Column | None = None,
    analysis: Analysis | None = None,
    histories: DataFrame | None = None,
) -> BarRecords:
    """Build the bars of all windows, whatever their lengths, as the engine does, in a stream or in batch.

    Args:
        ticks: Columns of STORED_TICK. Usable ticks have an `ingest_time`.
        windows: Windows, in the order in which their revisions are written.
        conditions: Which trades may shape a bar; those in the state were judged when they came.
        lateness_seconds: How far behind the newest event time of its own symbol a tick still revises its bar.
        is_usable: Which ticks are taken; without it, all.
        analysis: What is made of the bars; without it, nothing.
        histories: Bars from before the first tick, for a first start; see `mdstream.streaming.histories`.

    Raises:
        InvalidInputError: Two windows are equally long, or one is too long.
        MissingDependencyError: The session lacks the engine's jar.
    """
    check_lengths(windows)
    spark = ticks.sparkSession
    engine = engine_of(spark)
    # Asked for, it is there: Spark 4.2 looks for what it holds in batch too, and makes it for streams alone.
    spark.streams  # noqa: B018
    jvm: Any = spark._jvm  # noqa: SLF001 - there is no public way to call a stateful processor in Java
    lengths = jvm.java.util.LinkedHashMap()
    for window in windows:
        lengths.put(window.name, window.seconds)
    late = spark.sparkContext._jsc.sc().longAccumulator("ticks_late")  # noqa: SLF001
    columns = ticks.select(
        F.coalesce("symbol", F.lit("")).alias("symbol"),
        *(F.coalesce(value, F.lit(0)).alias(name) for name, value in _operator_columns().items()),
        _may(conditions, F.lit(True) if is_usable is None else is_usable).alias("may"),
    )
    planned = None if analysis is None else plan_analysis(spark, engine, analysis)
    topics = engine.Topics(BAR.topic_name, indicator_record(()).topic_name, ANOMALY.topic_name)
    plan = None if planned is None else planned.plan
    before = None if histories is None else histories.coalesce(1)._jdf  # noqa: SLF001
    frame = engine.LiveBars.apply(columns._jdf, lengths, lateness_seconds, late, topics, plan, before)  # noqa: SLF001
    return BarRecords(DataFrame(frame, spark), lambda: int(late.value()), None if planned is None else planned.thinned)


def _operator_columns() -> dict[str, Column]:
    """Return the values of a tick by the names that they have in the operator; null in what is unusable alone."""
    return {
        "eventTime": F.unix_micros("event_time"),
        "ingestTime": F.unix_micros("ingest_time"),
        "price": F.col("price"),
        "size": F.col("size"),
        "sequence": F.coalesce("sequence", "kafka_offset"),
        "partition": F.col("kafka_partition"),
        "offset": F.col("kafka_offset"),
    }


def _may(conditions: ConditionTable, is_usable: Column) -> Column:
    """Return what a trade's conditions allow, as the sum of flags that the operator takes; 0 of what is not a trade."""
    codes = F.col("conditions")
    flags = F.when(is_usable & is_trade(), _IS_TRADE).otherwise(0)
    for purpose, flag in _MAY.items():
        flags += F.when(is_eligible(codes, conditions, purpose), flag).otherwise(0)
    return flags


def engine_of(spark: SparkSession) -> Any:  # noqa: ANN401 - a package of the JVM
    """Return the engine's Java package.

    Raises:
        MissingDependencyError: The session lacks its jar.
    """
    jvm: Any = spark._jvm  # noqa: SLF001
    package = jvm.mdstream.engine
    if not callable(package.LiveBars):
        raise MissingDependencyError(
            "this Spark session lacks the live engine's jar: start the job by 'mdstream run' or 'mdstream submit', "
            "or hand build_session the jars of mdstream.runtime.engine.live_jars()"
        )
    return package


@contextmanager
def _shuffle_partitions(spark: SparkSession, count: int) -> Iterator[None]:
    """Let a query that is started meanwhile have its own number of tasks; it keeps a copy of the settings."""
    before = spark.conf.get(_PARTITIONS)
    spark.conf.set(_PARTITIONS, str(count))
    try:
        yield
    finally:
        spark.conf.set(_PARTITIONS, str(before))
