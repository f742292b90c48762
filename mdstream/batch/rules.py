"""What anomaly rules find in a file of bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from mdstream.batch.analysed import analysed
from mdstream.batch.files import check_target, read_bars, staged_frame, write_table
from mdstream.config import Settings
from mdstream.indicators import indicator_levels
from mdstream.schemas import ANOMALY, BAR
from mdstream.schemas.rules import Rule
from mdstream.streaming import check_rules
from mdstream.transforms import to_anomalies


@dataclass(frozen=True)
class RulesReport:
    """What the rules found.

    Attributes:
        bars: Bars that were looked at.
        anomalies: Rows of ANOMALY, sorted by their key.
    """

    bars: int
    anomalies: pa.Table


def anomalies_of_file(
    spark: SparkSession, source: Path, rules: Sequence[Rule], settings: Settings, target: Path | None = None
) -> RulesReport:
    """Run rules over a file of bars with the functions of the stream.

    Every bar is looked at once, complete; the stream looks at each of its revisions and may find more. `latency_ms` is
    null: it is known only of what came through Kafka.

    Args:
        spark: The session.
        source: Bars with all columns of BAR, as `mdstream bars` writes them.
        rules: What to look for.
        settings: The indicators that rules may name.
        target: A `.parquet` or `.csv` file for the anomalies, if they are to be written.

    Raises:
        ConfigError: A rule cannot be used.
        InvalidInputError: The input cannot be used, or the kind of output is not known.
    """
    if target is not None:
        check_target(target)
    return anomalies_of_bars(spark, read_bars(source, BAR.schema), rules, settings, target)


def anomalies_of_bars(
    spark: SparkSession, bars: pa.Table, rules: Sequence[Rule], settings: Settings, target: Path | None = None
) -> RulesReport:
    """Run rules over bars that were read; see `anomalies_of_file`.

    Args:
        spark: The session.
        bars: What `mdstream.batch.files.read_bars` gives, with all columns of BAR.
        rules: What to look for.
        settings: The indicators that rules may name.
        target: A `.parquet` or `.csv` file for the anomalies, if they are to be written.

    Raises:
        ConfigError: A rule cannot be used.
        InvalidInputError: The output cannot be written.
    """
    check_rules(spark, rules, settings)
    with staged_frame(spark, bars) as stored:
        with_analysis = stored.transform(analysed, settings.indicators)
        found = with_analysis.transform(to_anomalies, rules, indicator_levels(settings.indicators))
        anomalies = found.sort(*ANOMALY.key).toArrow().cast(ANOMALY.schema)
    if target is not None:
        write_table(anomalies, target)
    return RulesReport(bars.num_rows, anomalies)
