"""Bars to bars, indicators, anomalies and forecasts in the configured stores: `aggregated_data` in."""

from __future__ import annotations

from operator import methodcaller

from pyspark.sql import SparkSession

from mdstream.config import Settings, load_rules, load_settings
from mdstream.indicators import indicator_levels
from mdstream.schemas import ANOMALY, BAR, DEAD_LETTER, PREDICTION
from mdstream.sinks import KafkaSink, configured_sinks
from mdstream.streaming import (
    BUCKETS,
    AcceptedOrDeadLetter,
    Predictions,
    RunningQuery,
    analyse_stream,
    build_session,
    check_rules,
    read_topic,
    run_jobs,
    store_results,
    store_stream,
)
from mdstream.transforms import findings_to_anomalies, with_bar_fields, with_dead_letter, with_findings


def start(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
    """Start a query that stores the newest revision of every bar, and one that analyses the bars."""
    rules = load_rules(settings)
    check_rules(spark, rules, settings)
    bars = read_topic(spark, settings, BAR).transform(with_bar_fields)
    stored = AcceptedOrDeadLetter(BAR, configured_sinks(settings, BAR), KafkaSink(settings.kafka, DEAD_LETTER))
    record = settings.indicator_record
    to_indicators = methodcaller("select", *record.schema.names)
    analysed = bars.transform(analyse_stream, settings).transform(
        with_findings, rules, indicator_levels(settings.indicators)
    )
    return [
        store_stream(bars.transform(with_dead_letter), [stored], settings, name="store_bars"),
        store_results(
            analysed,
            [
                (to_indicators, configured_sinks(settings, record)),
                (findings_to_anomalies, configured_sinks(settings, ANOMALY)),
                (Predictions(settings), configured_sinks(settings, PREDICTION)),
            ],
            settings,
            name=f"store_analysis_of_{len(BUCKETS)}_buckets",
        ),
    ]


if __name__ == "__main__":
    configured = load_settings()
    run_jobs([start], build_session(configured.spark, "analytics"), configured)
