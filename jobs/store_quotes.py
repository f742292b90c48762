"""Quotes to their stores: `quote_data` in, the configured stores out; what is not a quote goes to `dead_letter`."""

from __future__ import annotations

from pyspark.sql import SparkSession

from mdstream.config import Settings, load_settings
from mdstream.config.jobs import QUOTES_JOB, STORE_QUOTES_QUERY
from mdstream.schemas import DEAD_LETTER, QUOTE, STORED_QUOTE
from mdstream.stores import KafkaSink, configured_sinks
from mdstream.streaming import AcceptedOrDeadLetter, RunningQuery, build_session, read_topic, run_jobs, store_stream
from mdstream.transforms import with_dead_letter, with_quote_fields


def start(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
    """Start the query that stores every quote once."""
    records = (
        read_topic(spark, settings, QUOTE)
        .transform(
            with_quote_fields,
            settings.ticks.max_future_skew_seconds,
            nonpositive_prices=settings.ticks.nonpositive_prices,
        )
        .transform(with_dead_letter)
    )
    sink = AcceptedOrDeadLetter(
        record=STORED_QUOTE,
        accepted=configured_sinks(settings, STORED_QUOTE),
        refused=KafkaSink(settings.kafka, DEAD_LETTER),
    )
    return [store_stream(records, [sink], settings, name=STORE_QUOTES_QUERY)]


if __name__ == "__main__":
    configured = load_settings()
    run_jobs([start], build_session(configured.spark, QUOTES_JOB), configured)
