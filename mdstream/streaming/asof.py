"""Each row of a stream beside the row of another one that was the newest as of its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, TimestampType

from mdstream.errors import InvalidInputError
from mdstream.streaming.asof_matching import AsofTerms
from mdstream.streaming.asof_processor import MET, AsofProcessor
from mdstream.streaming.buckets import bucket_of
from mdstream.streaming.held_rows import NEVER
from mdstream.streaming.json_rows import JSON, check_json
from mdstream.transforms.asof_terms import (
    Direction,
    check_direction,
    has_place,
    kind_of_time,
    names_of,
    place_of,
    ties_of,
    units_of,
)

_MILLISECOND = 1000


def with_asof_stream(
    left: DataFrame,
    right: DataFrame,
    on: str = "event_time",
    by: str | Sequence[str] = "symbol",
    *,
    lateness: timedelta,
    wait: timedelta | None = None,
    tolerance: timedelta | None = None,
    direction: Direction | str = Direction.BACKWARD,
    allow_exact: bool = True,
    suffix: str = "_right",
) -> DataFrame:
    """Put beside each row of a stream the newest row of another stream as of its time; see `with_asof`.

    A stateful operator, since a row may come before the one that it meets: rows of both sides are kept in Spark's state
    while they may still be needed, and each row of the left is given once, when nothing that comes in time can change
    what it meets. The result is then that of `with_asof` on all rows.

    A row of the left leaves as soon as one of these is so:

    - *The other side has passed it*: there is a row of the right with its key that is newer by more than `lateness`.
      Forwards, and for the nearest, it has to pass the row that is met, or the end of `tolerance`.
    - *Both sides have passed it*, whatever their keys: Spark's watermark, which is `lateness` behind the newest row of
      the side that is behind. It moves at the end of a batch, so a row whose own key has no newer row leaves with the
      next. Forwards, the watermark too has to pass what is met.
    - *The wait is over*: a row of either side that shares its state with it is newer by more than `wait`. It leaves
      with what is known then.

    A row of the right leaves the state when a newer one of its key is older than all that may come, or when it is
    further away than `tolerance`; the newest row of each key stays otherwise. A row of the left that comes later than
    it may is given at once and meets nothing: none is lost. One that has no time or key, too.

    Nothing comes out of a side that stands still but by `wait`. If one side can be ahead of the other by more than
    that, as where a query catches up on two topics at different speeds, rows leave too early: let it be longer than
    that, or None, with which the state grows by what one side is ahead.

    Python computes here, on Arrow arrays of all keys of one of eight groups at once; rows travel as JSON text. A batch
    costs what is in the state of the groups that it touches. Below it no other stateful operator can be in the same
    query but by a sink: its times have no watermark.

    Args:
        left: A stream of any rows; all are kept.
        right: A stream of rows to look up.
        on: Column of the time in both, timestamps.
        by: Columns that must be equal, in both; none for one series.
        lateness: How much older than the newest row of its side a row may be when it comes.
        wait: How far one side may be behind the other, at least `lateness`; None: however far it is.
        tolerance: As for `with_asof`, and so are the others.
        direction: `backward`, `forward` or `nearest`.
        allow_exact: Whether a row of the same time counts.
        suffix: What is appended to those names of `right` that `left` has, too.

    Returns:
        The columns that `with_asof` gives, for a query in append mode.

    Raises:
        InvalidInputError: A frame is no stream, a column is missing, there twice or of another type, a map has keys
            that are no text, there is no such direction, or the wait is shorter than the lateness.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from mdstream.schemas import QUOTE, TICK
        >>> from mdstream.schemas.spark import spark_schema
        >>> with TemporaryDirectory() as folder:
        ...     ticks, books = (spark.readStream.schema(spark_schema(kind)).parquet(folder) for kind in (TICK, QUOTE))
        ...     quotes = books.select("symbol", "event_time", "bid")
        ...     trades = ticks.select("symbol", "event_time", "price")
        ...     trades.transform(with_asof_stream, quotes, lateness=timedelta(seconds=5)).columns
        ['symbol', 'event_time', 'price', 'event_time_right', 'bid']
    """
    keys = [by] if isinstance(by, str) else list(by)
    check_direction(direction)
    kind = _checked(left, right, on, keys)
    late, reach = units_of(lateness, kind, "lateness"), units_of(tolerance, kind, "tolerance")
    longest = units_of(wait, kind, "wait")
    if late is None or (longest is not None and longest < late):
        raise InvalidInputError(f"found the lateness {lateness} and the wait {wait}; expected a wait that is longer")
    added = names_of(left, right, keys, suffix)
    ties = ties_of(right)
    rights = _as_text(right.where(has_place(on, keys)), on, keys, ties, late, is_left=False)
    lefts = _as_text(left, on, keys, dict.fromkeys(ties, F.lit(0)), late, is_left=True)
    terms = AsofTerms(Direction(direction), reach, allow_exact, late, longest)
    processor = AsofProcessor(terms, tuple(ties))
    pairs = (
        lefts.unionByName(rights)
        .drop("seen")
        .groupBy("bucket")
        .transformWithStateInPandas(processor, MET, outputMode="Append", timeMode="EventTime")
    )
    own = F.from_json("own", left.schema, {**JSON, "mode": "FAILFAST"})
    met = F.from_json("met", right.drop(*keys).schema, {**JSON, "mode": "FAILFAST"})
    return pairs.select(own.alias("own"), met.alias("met")).select(
        *(F.col("own").getField(name).alias(name) for name in left.columns),
        *(F.col("met").getField(name).alias(alias) for name, alias in added.items()),
    )


def _checked(left: DataFrame, right: DataFrame, on: str, keys: Sequence[str]) -> DataType:
    """Return the type of the time, of two streams that can be matched by it."""
    for name, frame in (("left", left), ("right", right)):
        if not frame.isStreaming:
            raise InvalidInputError(f"found stored {name} rows; expected a stream: with_asof is for stored ones")
        check_json(frame, f"{name} rows")
    kind = kind_of_time(left, right, on, keys)
    if not isinstance(kind, TimestampType):
        raise InvalidInputError(f"column {on} is {kind.simpleString()}; expected timestamps, in streams")
    return kind


def _as_text(
    frame: DataFrame, on: str, keys: Sequence[str], ties: Mapping[str, Column], lateness: int, *, is_left: bool
) -> DataFrame:
    """Return rows of one side as the operator takes them, and let Spark's watermark follow their times."""
    *key, time = place_of(frame, on, keys)
    return frame.select(
        bucket_of(*key),
        F.to_json(F.struct(*key), JSON).alias("key"),
        F.lit(is_left).alias("is_left"),
        F.when(has_place(on, keys), time).otherwise(F.lit(NEVER)).alias("time"),
        *(F.coalesce(tie, F.lit(NEVER)).cast("bigint").alias(name) for name, tie in ties.items()),
        F.to_json(F.struct("*"), JSON).alias("row"),
        F.timestamp_micros(time).alias("seen"),
    ).withWatermark("seen", f"{-(-lateness // _MILLISECOND)} milliseconds")
