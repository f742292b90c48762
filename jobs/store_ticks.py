"""Ticks to their stores: `tick_data` in, the configured stores out; what is not a tick goes to `dead_letter`."""

from __future__ import annotations

from pyspark.sql import SparkSession

from mdstream.config import Settings, load_settings
from mdstream.config.jobs import STORE_JOB, STORE_TICKS_QUERY, of_topic
from mdstream.schemas import DEAD_LETTER, STORED_TICK
from mdstream.stores import KafkaSink, configured_sinks
from mdstream.streaming import AcceptedOrDeadLetter, RunningQuery, build_session, read_topic, run_jobs, store_stream
from mdstream.transforms import with_dead_letter, with_reject_reason


def start(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
    """Start the query that stores every tick once and keeps the newest of each symbol at hand."""
    records = (
        read_topic(spark, settings, settings.tick_record)
        .transform(with_reject_reason, **settings.ticks.reading)
        .transform(with_dead_letter)
    )
    sink = AcceptedOrDeadLetter(
        record=STORED_TICK,
        accepted=configured_sinks(settings, STORED_TICK),
        refused=KafkaSink(settings.kafka, DEAD_LETTER),
    )
    return [store_stream(records, [sink], settings, name=of_topic(STORE_TICKS_QUERY, settings.ticks.topic))]


if __name__ == "__main__":
    configured = load_settings()
    run_jobs([start], build_session(configured.spark, STORE_JOB), configured)
