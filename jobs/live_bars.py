"""Ticks to bars within milliseconds: `tick_data` in, `aggregated_data` out, in Spark's real-time mode."""

from __future__ import annotations

from pyspark.sql import SparkSession

from mdstream.config import Settings, load_settings
from mdstream.schemas import BAR, TICK, nest_windows
from mdstream.streaming import (
    RunningQuery,
    build_session,
    load_conditions,
    read_topic,
    run_jobs,
    trigger_for,
    write_topic,
)
from mdstream.transforms import to_bars, to_ticks


def start(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
    """Start one query for each nest of the configured windows."""
    rules = settings.ticks
    ticks = read_topic(spark, settings, TICK).transform(to_ticks, rules.max_future_skew_seconds)
    conditions = load_conditions(rules.conditions_table)
    trigger = trigger_for(spark, settings.spark)
    lateness = f"{rules.allowed_lateness_seconds} seconds"
    return [
        write_topic(
            ticks.transform(to_bars, nest, conditions, lateness),
            settings,
            BAR,
            trigger,
            name=f"live_bars_{nest[-1].name}",
        )
        for nest in nest_windows(settings.windows)
    ]


if __name__ == "__main__":
    configured = load_settings()
    run_jobs([start], build_session(configured.spark, "live_bars"), configured)
