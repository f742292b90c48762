"""Shows how ticks of a file become bars of minutes, of an exchange's half hours and of a day, with indicators.

    python examples/made_up_ticks.py ticks.parquet
    python examples/bars_of_a_file.py ticks.parquet bars.parquet

Needs `pip install 'mdstream-spark[spark,calendars]'`. The same transforms run in a stream, to the same bars.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

import mdstream as md

WINDOWS = ["1min", "30min@XNYS", "1d@XNYS"]


def analysed_bars(ticks: DataFrame) -> DataFrame:
    """Return bars with their indicators; trades before the open and after the close are in bars of minutes alone."""
    usable = ticks.transform(md.filter_usable_trades)
    bars = usable.transform(md.to_bars, WINDOWS)
    return bars.transform(md.with_indicators, ["rsi(14)", "sma(20)"])


def main(spark: SparkSession, ticks: Path, bars: Path) -> None:
    analysed_bars(spark.read.parquet(str(ticks))).write.mode("overwrite").parquet(str(bars))
    made = spark.read.parquet(str(bars))
    made.groupBy("window").agg(F.count("*").alias("bars"), F.sum("trade_count").alias("trades")).orderBy("bars").show()
    days = made.where("window = '1d@XNYS'").orderBy("symbol", "window_start")
    days.select("symbol", "window_start", "open", "high", "low", "close", F.round("vwap", 2).alias("vwap")).show()


if __name__ == "__main__":
    main(SparkSession.builder.getOrCreate(), *map(Path, sys.argv[1:3]))
