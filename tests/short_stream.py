"""A program for spark-submit that does a little of what jobs do, for the classes that Java loads for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mdstream.config import Settings, SparkSettings, StoreSettings, TimescaleSettings
from mdstream.stores import MemorySink
from mdstream.streaming import analyse_stream, build_session, store_stream
from mdstream.transforms import to_bars
from tests.streaming.streams import add_file, ticks_stream, work_off
from tests.streaming.test_stream_indicators import _SCHEMA, bar, spark_schema_of
from tests.unit.transforms.frames import tick


def main(folder: Path) -> None:
    settings = Settings(
        spark=SparkSettings(master="local[2]", checkpoint_location=str(folder), micro_batch_trigger="0 seconds"),
        stores=StoreSettings(timescaledb=TimescaleSettings(enabled=False)),
    )
    spark = build_session(settings.spark, jars=[])
    add_file(folder / "ticks", [tick("A", 1, 10.0), tick("A", 61, 11.0)])
    bars = ticks_stream(spark, folder / "ticks").transform(to_bars, settings.windows)
    work_off(bars, folder / "aggregation")
    add_file(folder / "bars", [bar("A", 0, 1.0)], _SCHEMA)
    revisions = spark.readStream.schema(spark_schema_of(_SCHEMA)).parquet(str(folder / "bars"))
    work_off(analyse_stream(revisions, settings), folder / "analysis", "append")
    running = store_stream(ticks_stream(spark, folder / "ticks"), [MemorySink("short")], settings, "store")
    running.query.processAllAvailable()
    running.query.stop()
    spark.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        main(Path(name))
