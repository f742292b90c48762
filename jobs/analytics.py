"""What the topics carry into the stores; indicators and anomalies of vendors' bars; forecasts of closed bars."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from mdstream.config import Settings, load_rules, load_settings
from mdstream.config.jobs import ANALYTICS_JOB, STORE_QUERY, vendors_query
from mdstream.indicators import indicator_levels, runs_in_engine
from mdstream.schemas import ANOMALY, BAR, DEAD_LETTER, PREDICTION
from mdstream.stores import KafkaSink, configured_sinks, stored_sinks
from mdstream.streaming import (
    BUCKETS,
    IS_VENDORS,
    ByRecord,
    Forecasts,
    RunningQuery,
    analyse_stream,
    build_session,
    check_rules,
    read_bars,
    read_topic,
    run_jobs,
    store_results,
    store_stream,
)
from mdstream.transforms import findings_to_anomalies, with_bar_fields, with_dead_letter, with_findings, with_records


def start(spark: SparkSession, settings: Settings) -> list[RunningQuery]:
    """Start a query that stores bars, indicators and anomalies, and one that analyses what the live engine does not."""
    rules = load_rules(settings)
    check_rules(spark, rules, settings)
    record = settings.indicator_record
    kinds = (BAR, record, ANOMALY)
    live = read_topic(spark, settings, *kinds).transform(with_records, kinds).transform(with_dead_letter)
    stores = ByRecord([(kind, stored_sinks(settings, kind)) for kind in kinds], KafkaSink(settings.kafka, DEAD_LETTER))
    bars = read_bars(spark, settings).transform(with_bar_fields)
    if not runs_in_engine(settings.indicators):
        bars = bars.withColumn(IS_VENDORS, F.lit(True))
    needed = F.col(IS_VENDORS) | (F.col("window") == settings.shortest_window.name)
    analysed = bars.where(needed).transform(analyse_stream, settings)
    found = analysed.transform(with_findings, rules, indicator_levels(settings.indicators))

    def of_vendors(rows: DataFrame) -> DataFrame:
        return rows.where(IS_VENDORS)

    return [
        store_stream(live, [stores], settings, name=STORE_QUERY),
        store_results(
            found,
            [
                (lambda rows: of_vendors(rows).select(*record.schema.names), [KafkaSink(settings.kafka, record)]),
                (lambda rows: findings_to_anomalies(of_vendors(rows)), [KafkaSink(settings.kafka, ANOMALY)]),
                (Forecasts(settings), configured_sinks(settings, PREDICTION)),
            ],
            settings,
            name=vendors_query(len(BUCKETS)),
        ),
    ]


if __name__ == "__main__":
    configured = load_settings()
    run_jobs([start], build_session(configured.spark, ANALYTICS_JOB), configured)
