"""Shows what a rule of your own would have found in bars that are there, before it is in force on the live ones.

    python examples/own_rule.py bars.parquet

Needs `pip install 'mdstream-spark[spark]'`, and bars with indicators, as examples/bars_of_a_file.py writes them. To
have it in force, write it into `conf/rules.yaml`, with the same expressions.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

import mdstream as md

STRETCHED = md.Rule(
    name="stretched",
    predicate="rsi_14 > 65 AND close > 1.001 * sma_20",
    severity="CASE WHEN rsi_14 > 80 THEN 'high' ELSE 'medium' END",
    value="close",
    threshold="sma_20",
    message="{symbol} closed at {close:price}, its average of 20 bars is {sma_20:price} and RSI {rsi_14:.0f}",
)


def found_in(bars: DataFrame) -> DataFrame:
    """Return what the rule finds in bars, the newest first."""
    return bars.transform(md.to_anomalies, [STRETCHED]).orderBy("window_start", ascending=False)


def main(spark: SparkSession, bars: Path) -> None:
    found = found_in(spark.read.parquet(str(bars)))
    found.select("window_start", "window", "severity", "message").show(truncate=False)
    found.groupBy("symbol", "window").count().show()


if __name__ == "__main__":
    main(SparkSession.builder.getOrCreate(), Path(sys.argv[1]))
