"""Ticks and bars to the lake: `tick_data` and `aggregated_data` in, Delta tables of the same names out."""

from __future__ import annotations

from pyspark.sql import SparkSession

from mdstream.config import Settings, load_settings
from mdstream.config.jobs import ARCHIVE_BARS_QUERY, ARCHIVE_TICKS_QUERY, LAKE_JOB, of_topic
from mdstream.schemas import BAR, STORED_TICK
from mdstream.streaming import (
    RunningQuery,
    archive_revisions,
    archive_rows,
    build_session,
    read_topic,
    run_jobs,
    with_delta,
)
from mdstream.transforms import to_bar_revisions, to_ticks


def start(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
    """Start a query that keeps every usable tick, and one that keeps the newest revision of every bar."""
    limit = settings.stores.lake.max_offsets_per_trigger
    records = read_topic(spark, settings, settings.tick_record, max_offsets_per_trigger=limit)
    ticks = records.transform(to_ticks, **settings.ticks.reading)
    bars = read_topic(spark, settings, BAR, max_offsets_per_trigger=limit).transform(to_bar_revisions)
    return [
        archive_rows(ticks, settings, STORED_TICK, name=of_topic(ARCHIVE_TICKS_QUERY, settings.ticks.topic)),
        archive_revisions(bars, settings, BAR, name=ARCHIVE_BARS_QUERY),
    ]


if __name__ == "__main__":
    configured = load_settings()
    run_jobs([start], build_session(with_delta(configured), LAKE_JOB), configured)
