"""Bars of a file of ticks."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from mdstream.batch.files import check_target, write_table
from mdstream.config import TickSettings
from mdstream.errors import InvalidInputError
from mdstream.feeds.files import ROW_NUMBER, FileForm, read_ticks
from mdstream.feeds.rejects import Reject
from mdstream.feeds.remedies import remedy_of
from mdstream.schemas import BAR, STORED_TICK, BarWindow, group_windows
from mdstream.schemas.limits import kind_of
from mdstream.schemas.session_windows import SessionWindow, Window
from mdstream.schemas.sources import PrimarySources
from mdstream.transforms import ConditionTable, from_primary_source, to_bars

_ORDER = ("symbol", "window", "window_start")
_EVERY_SOURCE = PrimarySources()
_USUAL_FORM = FileForm()
_USUAL_TICKS = TickSettings()


@dataclass(frozen=True)
class StagedTicks:
    """The usable ticks of a file in the form of stored ticks: Spark itself does not read every kind of time.

    Attributes:
        path: Where they are, as long as the context is.
        source: The file they are of.
        ticks: How many.
        rejects: How many rows were refused, by reason.
        passed_over: How many rows are no trades, as the file's format has it.
    """

    path: Path
    source: Path
    ticks: int
    rejects: dict[str, int]
    passed_over: int


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


@contextmanager
def staged_ticks(
    source: Path,
    *,
    form: FileForm = _USUAL_FORM,
    ticks: TickSettings = _USUAL_TICKS,
    on_progress: Callable[[float], None] = lambda _: None,
) -> Iterator[StagedTicks]:
    """Read a file of ticks, which needs no Spark, and keep what is usable as a temporary file.

    Args:
        source: What `mdstream.feeds.files.read_ticks` reads.
        form: What the file does not say itself.
        ticks: How far ahead times may be, and whether prices may be zero or less.
        on_progress: Called with the share of the input read so far, 0 to 1.

    Raises:
        InvalidInputError: The input cannot be read, or nothing in it is usable: the message says why.
    """
    count, passed_over = 0, 0
    rejects: Counter[str] = Counter()
    example: Reject | None = None
    skew = timedelta(seconds=ticks.max_future_skew_seconds)
    with tempfile.TemporaryDirectory(prefix="mdstream-") as folder:
        path = Path(folder) / "ticks.parquet"
        with pq.ParquetWriter(path, STORED_TICK.schema) as writer:
            for batch in read_ticks(
                source, form=form, max_future_skew=skew, nonpositive_prices=ticks.nonpositive_prices
            ):
                writer.write_batch(_as_stored(batch.ticks))
                count += batch.ticks.num_rows
                passed_over += batch.passed_over
                rejects.update(kind_of(reject.reason) for reject in batch.rejects)
                example = example or next(iter(batch.rejects), None)
                on_progress(batch.fraction)
        if not count:
            raise InvalidInputError(_nothing_usable(source, rejects, example, passed_over))
        yield StagedTicks(path, source, count, dict(rejects), passed_over)


def _nothing_usable(source: Path, rejects: Mapping[str, int], example: Reject | None, passed_over: int) -> str:
    if example is None:
        found = f"{passed_over:,} rows, none of them a trade" if passed_over else "no rows"
        return f"nothing in {source} is usable: it has {found}"
    counts = ", ".join(f"{count:,} x {reason}" for reason, count in sorted(rejects.items(), key=lambda each: -each[1]))
    hints = [remedy for reason in rejects if (remedy := remedy_of(reason, nothing_is_usable=True))]
    said = f"nothing in {source} is usable: {counts}. The first, in row {example.row}: {example.reason}"
    return ". ".join([said, *dict.fromkeys(hints)])


def bars_of_ticks(
    spark: SparkSession,
    staged: StagedTicks,
    target: Path,
    windows: Sequence[Window],
    conditions: ConditionTable,
    sources: PrimarySources = _EVERY_SOURCE,
) -> BarsReport:
    """Compute the bars of staged ticks with the transforms of the stream, and write them to one file.

    Ticks are ordered by (event_time, sequence, place in the file), as the stream orders them by offset.

    Args:
        spark: The session.
        staged: What `staged_ticks` gives.
        target: A `.parquet` or `.csv` file; it appears when it is complete.
        windows: Any windows.
        conditions: Which trades may shape a bar.
        sources: Whose ticks make the bars of each symbol.

    Returns:
        What became of the input. Rows of `target` are sorted by symbol, window and start.

    Raises:
        InvalidInputError: No tick is of its symbol's source, or the kind of output is not known.
    """
    check_target(target)
    calls = _calls(windows)
    stored = spark.read.parquet(str(staged.path)).transform(from_primary_source, sources)
    bars = reduce(DataFrame.unionByName, (stored.transform(to_bars, call, conditions) for call in calls))
    table = bars.sort(*_ORDER).toArrow().cast(BAR.schema)
    if not table.num_rows:
        raise InvalidInputError(
            f"none of the {staged.ticks} ticks in {staged.source.name} makes a bar: all are cancelled, or of a source "
            "that ticks.primary_source does not have for their symbol; the column source says whose they are"
        )
    write_table(table, target)
    return BarsReport(staged.ticks, staged.rejects, table.num_rows)


def _calls(windows: Sequence[Window]) -> list[Sequence[Window]]:
    """Split windows into those that one aggregation serves."""
    of_calendars = [window for window in windows if isinstance(window, SessionWindow)]
    plain = [window for window in windows if isinstance(window, BarWindow)]
    groups: list[Sequence[Window]] = list(group_windows(plain)) if plain or not of_calendars else []
    return [*groups, of_calendars] if of_calendars else groups


def bars_of_file(
    spark: SparkSession,
    source: Path,
    target: Path,
    windows: Sequence[Window],
    conditions: ConditionTable,
    on_progress: Callable[[float], None] = lambda _: None,
    sources: PrimarySources = _EVERY_SOURCE,
) -> BarsReport:
    """Compute the bars of a file of ticks: `staged_ticks`, then `bars_of_ticks`.

    Args:
        spark: The session.
        source: What `mdstream.feeds.files.read_ticks` reads.
        target: A `.parquet` or `.csv` file; it appears when it is complete.
        windows: Any windows.
        conditions: Which trades may shape a bar.
        on_progress: Called with the share of the input read so far, 0 to 1.
        sources: Whose ticks make the bars of each symbol.

    Returns:
        What became of the input.

    Raises:
        InvalidInputError: The input cannot be read, nothing in it makes a bar, or the kind of output is not known.
    """
    check_target(target)
    with staged_ticks(source, on_progress=on_progress) as staged:
        return bars_of_ticks(spark, staged, target, windows, conditions, sources)


def _as_stored(ticks: pa.RecordBatch) -> pa.RecordBatch:
    columns = {name: ticks.column(name) for name in ticks.schema.names if name != ROW_NUMBER}
    columns["kafka_partition"] = pa.repeat(pa.scalar(0, pa.int32()), ticks.num_rows)
    columns["kafka_offset"] = ticks.column(ROW_NUMBER)
    return pa.RecordBatch.from_arrays([columns[name] for name in STORED_TICK.schema.names], schema=STORED_TICK.schema)
