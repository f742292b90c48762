"""Bars of a file of ticks."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from mdstream.batch.files import check_target, write_table
from mdstream.errors import InvalidInputError
from mdstream.feeds.files import ROW_NUMBER, read_ticks
from mdstream.schemas import BAR, STORED_TICK, BarWindow, nest_windows
from mdstream.schemas.limits import kind_of
from mdstream.schemas.sources import PrimarySources
from mdstream.transforms import ConditionTable, from_primary_source, to_bars

_ORDER = ("symbol", "window", "window_start")
_EVERY_SOURCE = PrimarySources()


@dataclass(frozen=True)
class BarsReport:
    """What became of a file of ticks.

    Attributes:
        ticks: Usable ticks.
        rejects: How many rows were refused, by reason.
        bars: Bars written.
    """

    ticks: int
    rejects: dict[str, int]
    bars: int


def bars_of_file(
    spark: SparkSession,
    source: Path,
    target: Path,
    windows: Sequence[BarWindow],
    conditions: ConditionTable,
    on_progress: Callable[[float], None] = lambda _: None,
    sources: PrimarySources = _EVERY_SOURCE,
) -> BarsReport:
    """Compute the bars of a file of ticks with the transforms of the stream, and write them to one file.

    Ticks are ordered by (event_time, sequence, place in the file), as the stream orders them by offset.

    Args:
        spark: The session.
        source: What `mdstream.feeds.files.read_ticks` reads.
        target: A `.parquet` or `.csv` file; it appears when it is complete.
        windows: Any windows.
        conditions: Which trades may shape a bar.
        on_progress: Told the share of the input read so far, 0 to 1.
        sources: Whose ticks make the bars of each symbol.

    Returns:
        What became of the input. Rows of `target` are sorted by symbol, window and start.

    Raises:
        InvalidInputError: The input cannot be read, no tick in it is of its symbol's source, or the kind of output is
            not known.
    """
    check_target(target)
    nests = nest_windows(windows)
    with tempfile.TemporaryDirectory(prefix="mdstream-") as folder:
        staged = Path(folder) / "ticks.parquet"
        ticks, rejects = _stage(source, staged, on_progress)
        stored = spark.read.parquet(str(staged)).transform(from_primary_source, sources)
        bars = reduce(DataFrame.unionByName, (stored.transform(to_bars, nest, conditions) for nest in nests))
        table = bars.sort(*_ORDER).toArrow().cast(BAR.schema)
    if ticks and not table.num_rows:
        raise InvalidInputError(
            f"none of the {ticks} ticks in {source.name} is of the source that ticks.primary_source has for its "
            "symbol; the column source says whose they are"
        )
    write_table(table, target)
    return BarsReport(ticks, rejects, table.num_rows)


def _stage(source: Path, staged: Path, on_progress: Callable[[float], None]) -> tuple[int, dict[str, int]]:
    """Bring the input into the form of stored ticks: Spark itself does not read every kind of time."""
    ticks = 0
    rejects: Counter[str] = Counter()
    with pq.ParquetWriter(staged, STORED_TICK.schema) as writer:
        for batch in read_ticks(source):
            writer.write_batch(_as_stored(batch.ticks))
            ticks += batch.ticks.num_rows
            rejects.update(kind_of(reject.reason) for reject in batch.rejects)
            on_progress(batch.fraction)
    return ticks, dict(rejects)


def _as_stored(ticks: pa.RecordBatch) -> pa.RecordBatch:
    columns = {name: ticks.column(name) for name in ticks.schema.names if name != ROW_NUMBER}
    columns["kafka_partition"] = pa.repeat(pa.scalar(0, pa.int32()), ticks.num_rows)
    columns["kafka_offset"] = ticks.column(ROW_NUMBER)
    return pa.RecordBatch.from_arrays([columns[name] for name in STORED_TICK.schema.names], schema=STORED_TICK.schema)
