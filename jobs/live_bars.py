"""Ticks to bars, indicators and anomalies within milliseconds: `tick_data` in, their topics out, in real-time mode."""

from __future__ import annotations

from pyspark.sql import SparkSession

from mdstream.config import Settings, load_rules, load_settings
from mdstream.config.conditions import load_conditions
from mdstream.config.jobs import LIVE_JOB
from mdstream.streaming import (
    RunningQuery,
    build_session,
    check_rules,
    run_jobs,
    start_live_bars,
    trigger_for,
)


def start(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
    """Start the one query that builds the bars of all windows and looks at them."""
    conditions = load_conditions(settings.ticks.conditions_table)
    rules = load_rules(settings)
    check_rules(spark, rules, settings)
    return [start_live_bars(spark, settings, conditions, rules, trigger_for(spark, settings.spark))]


if __name__ == "__main__":
    configured = load_settings()
    run_jobs([start], build_session(configured.spark, LIVE_JOB), configured)
