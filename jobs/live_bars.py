"""Ticks to bars within milliseconds: `tick_data` in, `aggregated_data` out, in Spark's real-time mode."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import DataFrame, SparkSession

from mdstream.config import Settings, load_settings
from mdstream.schemas import BAR, TICK, nest_windows
from mdstream.streaming import (
    RunningQuery,
    build_session,
    load_conditions,
    read_partitions,
    run_jobs,
    trigger_for,
    write_topic,
)
from mdstream.transforms import from_primary_source, to_bars, to_ticks


def start(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
    """Start one query for each nest of the configured windows."""
    rules = settings.ticks
    # A watermark for each partition: one that is behind does not lose its ticks to the others.
    partitions = [
        records.transform(to_ticks, rules.max_future_skew_seconds)
        .transform(from_primary_source, rules.primary_sources)
        .withWatermark("event_time", f"{rules.allowed_lateness_seconds} seconds")
        for records in read_partitions(spark, settings, TICK)
    ]
    ticks = reduce(DataFrame.unionByName, partitions)
    conditions = load_conditions(rules.conditions_table)
    trigger = trigger_for(spark, settings.spark)
    return [
        write_topic(
            ticks.transform(to_bars, nest, conditions),
            settings,
            BAR,
            trigger,
            name=f"live_bars_{nest[-1].name}_of_{len(partitions)}_partitions",
        )
        for nest in nest_windows(settings.windows)
    ]


if __name__ == "__main__":
    configured = load_settings()
    run_jobs([start], build_session(configured.spark, "live_bars"), configured)
