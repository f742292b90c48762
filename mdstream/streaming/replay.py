"""Rows of streams in the order of their times: what is made of them, and how long they wait for earlier ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Any, ClassVar, Protocol

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.streaming.buckets import bucket_of
from mdstream.streaming.held_rows import NEVER
from mdstream.transforms.asof_terms import order_of

_TIES = ("tie_sequence", "tie_kafka_offset", "tie_hash")
ORDER = (("symbol", pa.string()), *((name, pa.int64()) for name in ("time", "side", *_TIES)))
"""The first columns of all rows, by which they are ordered: whose they are, when in epoch microseconds, which side
comes first of one time, and what orders rows of one side and time."""

Series = dict[str, Any]
"""What is kept of each symbol, by its name, of what JSON can hold."""

_MICROSECOND = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class ReplayTerms:
    """How long rows wait; lengths of time are in microseconds.

    Attributes:
        sides: How many streams there are: each may be behind the others.
        lateness: How much older than the newest row of its side before it a row may be.
        wait: How far one side may be behind another; None: however far it is.
    """

    sides: int
    lateness: int
    wait: int | None = None

    def reached(self, newest: Sequence[int], watermark: int) -> int:
        """Return the time before which no row comes any more, or is waited for.

        Args:
            newest: The newest time of each side, `NEVER` where it has none.
            watermark: Spark's, which is behind all sides.
        """
        waited = NEVER if self.wait is None else max(newest) - self.wait
        return max(watermark, min(newest) - self.lateness, waited, NEVER)


class Replay(Protocol):
    """Makes something of the rows of many symbols, one after another in their order."""

    rows: ClassVar[pa.Schema]
    """Columns of a row: those of `ORDER`, then any others."""

    results: ClassVar[Mapping[str, str]]
    """Names of the columns of what is made, and their types, as Spark's SQL writes them."""

    def replayed(self, rows: pa.Table, series: Series, reached: int) -> Iterable[Sequence[object]]:
        """Yield what is made of rows that are in their order, and change the series that they are of.

        Args:
            rows: Rows before `reached`, at or after where it was before.
            series: What is kept of each symbol.
            reached: The time before which nothing comes any more.
        """

    def late(self, rows: pa.Table, series: Series) -> Iterable[Sequence[object]]:
        """Yield what is made of rows that came too late."""

    def due(self, series: Series) -> int | None:
        """Return the time that has to be reached for more to be made without further rows."""


def micros_of(lateness: timedelta) -> int:
    """Return a lateness in microseconds.

    Raises:
        InvalidInputError: It is below 0.
    """
    if lateness < timedelta(0):
        raise InvalidInputError(f"found the lateness {lateness}; expected a length of time, not below 0")
    return lateness // _MICROSECOND


def refuse_stored(frame: DataFrame, what: str, transform: str) -> None:
    """See that rows are a stream.

    Raises:
        InvalidInputError: They are stored ones.
    """
    if not frame.isStreaming:
        raise InvalidInputError(f"found stored {what}; expected a stream: {transform} is for stored ones")


def ties_first(known: Mapping[str, Column]) -> dict[str, Column]:
    """Return what orders rows of one time, `NEVER` where there is nothing: that comes first, as nulls do in Spark."""
    return {name: F.coalesce(known.get(name, F.lit(None)), F.lit(NEVER)).cast("bigint") for name in _TIES}


def own_ties(frame: DataFrame, *hashed: str) -> dict[str, Column]:
    """Return what orders a frame's rows of one time: what they bring for it, then a hash of some columns."""
    return ties_first({f"tie_{name}": F.col(name) for name in order_of(frame)} | {"tie_hash": F.xxhash64(*hashed)})


def as_side(frame: DataFrame, side: int, lateness: timedelta, columns: Mapping[str, Column]) -> DataFrame:
    """Return a stream as the operator takes it, and let Spark's watermark follow its times.

    Args:
        frame: A stream.
        side: Which of the streams that are replayed together it is.
        lateness: How far behind Spark's watermark is.
        columns: `symbol`, `time` (`NEVER` for none), and the others of the replay's rows.
    """
    symbol, time = columns["symbol"], columns["time"]
    rest = (column.alias(name) for name, column in columns.items() if name not in ("symbol", "time"))
    seen = F.timestamp_micros(F.nullif(time, F.lit(NEVER))).alias("seen")
    rows = frame.select(
        bucket_of(symbol), symbol.alias("symbol"), time.alias("time"), F.lit(side).cast("bigint").alias("side"),
        *rest, seen,
    )  # fmt: skip
    return rows.withWatermark("seen", f"{-(-lateness // _MILLISECOND)} milliseconds").drop("seen")


def replay_of(sides: Sequence[DataFrame], replay: Replay, terms: ReplayTerms) -> DataFrame:
    """Return what is made of the rows of streams, in their order, as a stream for append mode.

    Args:
        sides: What `as_side` returns of each stream.
        replay: What is made of them.
        terms: How long rows wait.
    """
    # Only a query that is built here needs the operator, which imports pandas.
    from mdstream.streaming.replay_processor import ReplayProcessor

    both = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), sides)
    rows = both.select("bucket", *replay.rows.names)
    processor = ReplayProcessor(replay, terms)
    results = ", ".join(f"{name} {kind}" for name, kind in replay.results.items())
    return rows.groupBy("bucket").transformWithStateInPandas(
        processor, results, outputMode="Append", timeMode="EventTime"
    )
