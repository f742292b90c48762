"""Bars to their stores: `aggregated_data` in, the configured stores out."""

from __future__ import annotations

from pyspark.sql import SparkSession

from mdstream.config import Settings, load_settings
from mdstream.schemas import BAR, DEAD_LETTER
from mdstream.sinks import KafkaSink, configured_sinks
from mdstream.streaming import AcceptedOrDeadLetter, RunningQuery, build_session, read_topic, run_jobs, store_stream
from mdstream.transforms import with_bar_fields, with_dead_letter


def start(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
    """Start the query that stores the newest revision of every bar."""
    records = read_topic(spark, settings, BAR).transform(with_bar_fields).transform(with_dead_letter)
    sink = AcceptedOrDeadLetter(
        record=BAR,
        accepted=configured_sinks(settings, BAR),
        refused=KafkaSink(settings.kafka, DEAD_LETTER),
    )
    return [store_stream(records, [sink], settings, name="store_bars")]


if __name__ == "__main__":
    configured = load_settings()
    run_jobs([start], build_session(configured.spark, "analytics"), configured)
