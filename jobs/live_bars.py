"""Ticks to bars within milliseconds: `tick_data` in, `aggregated_data` out, in Spark's real-time mode."""

from __future__ import annotations

from pyspark.sql import SparkSession

from mdstream.config import Settings, load_settings
from mdstream.streaming import (
    RunningQuery,
    build_session,
    load_conditions,
    run_jobs,
    start_live_bars,
    trigger_for,
)


def start(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
    """Start the one query that builds the bars of all windows."""
    conditions = load_conditions(settings.ticks.conditions_table)
    return [start_live_bars(spark, settings, conditions, trigger_for(spark, settings.spark))]


if __name__ == "__main__":
    configured = load_settings()
    run_jobs([start], build_session(configured.spark, "live_bars"), configured)
