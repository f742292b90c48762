"""`python -m tests.upgrade.state_file FILE`: ticks, and the state that live bars had after the first half of them."""

from __future__ import annotations

import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from mdstream.config import SparkSettings
from mdstream.indicators import parse_indicators
from mdstream.runtime import use_java
from mdstream.runtime.engine import live_jars
from mdstream.schemas import BarWindow
from mdstream.streaming import build_session, to_bar_records
from mdstream.streaming.live_analysis import Analysis
from mdstream.transforms import ConditionTable, Eligibility
from tests.streaming.streams import Row, add_file, ticks_stream, work_off
from tests.unit.transforms.frames import at, tick

WINDOWS = [BarWindow("1min", 60), BarWindow("5min", 300)]
TABLE = ConditionTable({"odd": Eligibility(volume=False)})
INDICATORS = parse_indicators({"sma": {"period": 5}})
_DAY = 86_400
_FOLDER = "@folder@"
"""Stands in an archive for the folder above the checkpoint, which Spark notes in the state's metadata."""


def made_up_rows() -> list[Row]:
    """Ticks of three symbols within half an hour, out of order, a tenth with a condition."""
    random = Random(20261130)
    seconds = [random.randrange(0, 1_800_000) / 1000 for _ in range(300)]
    return [
        tick(
            random.choice("ABC"), moment, random.randrange(9_000, 11_000) / 64, random.randrange(1, 400) / 4,
            sequence=number, conditions=["odd"] if random.random() < 0.1 else None, kafka_offset=number,
            ingest_time=at(moment),
        )
        for number, moment in enumerate(seconds)
    ]  # fmt: skip


def worked_off(spark: SparkSession, folder: Path) -> list[list[Row]]:
    """Work off the ticks of `folder` that its checkpoint does not know; records of all topics, batch by batch."""
    ticks = ticks_stream(spark, folder / "ticks")
    records = to_bar_records(ticks, WINDOWS, TABLE, _DAY, analysis=Analysis(INDICATORS, (), 600))
    return work_off(records.frame, folder / "checkpoint")[0].batches


def unpack(file: Path, folder: Path) -> list[list[Row]]:
    """Put an archive's checkpoint into `folder`; return the ticks that are in its state, and those behind them."""
    with tarfile.open(file) as archive:
        archive.extractall(folder, filter="data")
    _rename_within(folder / "checkpoint", _FOLDER, str(folder))
    files = sorted((folder / "ticks").glob("*.parquet"), key=lambda file: int(file.stem))
    ticks = [pq.read_table(file).to_pylist() for file in files]
    shutil.rmtree(folder / "ticks")
    return ticks


def _rename_within(checkpoint: Path, old: str, new: str) -> None:
    """Say where a checkpoint is, as Spark notes that; what it noted of those files' sums goes."""
    for file in checkpoint.glob("state/*/_metadata/v2/*"):
        file.write_bytes(file.read_bytes().replace(old.encode(), new.encode()))
    for sums in checkpoint.rglob(".*.crc"):
        sums.unlink()


def main(file: Path) -> None:
    rows, settings = made_up_rows(), SparkSettings(master="local[2]")
    spark = build_session(settings, jars=live_jars(settings.packages, use_java()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        add_file(folder / "ticks", rows[:150])
        worked_off(spark, folder)
        add_file(folder / "ticks", rows[150:])
        _rename_within(folder / "checkpoint", str(folder), _FOLDER)
        with tarfile.open(file, "w:gz") as archive:
            for part in ("ticks", "checkpoint"):
                archive.add(folder / part, part)
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
