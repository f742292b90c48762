"""Each row beside the row of another frame that was the newest as of its time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, TimestampType

from mdstream.transforms.asof_terms import (
    Direction,
    check_direction,
    has_place,
    kind_of_time,
    named,
    names_of,
    place_of,
    ties_of,
    units_of,
)
from mdstream.transforms.required_columns import refuse_stream


def with_asof(
    left: DataFrame,
    right: DataFrame,
    on: str = "event_time",
    by: str | Sequence[str] = "symbol",
    *,
    tolerance: timedelta | int | None = None,
    direction: Direction | str = Direction.BACKWARD,
    allow_exact: bool = True,
    suffix: str = "_right",
    bucket: timedelta | int | None = None,
) -> DataFrame:
    """Put beside each row the newest row of another frame as of its time: beside a trade the quote that it met.

    Nothing is multiplied: both frames are put one under the other, sorted by time within each key, and each row takes
    the last one of the other frame that came before it, which is one pass. So it costs a sort of all rows, however
    many share a key or a time. A key's rows are sorted by one task; with `bucket` they are shared out by time, and each
    bucket begins with what was newest before it, which a second, smaller pass over `right` finds: a key that has most
    rows then keeps no task busy longer than others, and the result is the same.

    Spark's own ASOF JOIN (4.3, SQL alone, off by default) is planned as a join of all rows of a key with all others,
    before the nearest is picked, and has neither a tolerance nor an order of ties, so it is not used.

    Args:
        left: Any rows; all are kept, as often as they are there, also those without a time or key, which meet nothing.
        right: Rows to look up. A whole row is taken, with its nulls; those without a time or key are left out.
        on: Column of the time in both: timestamps, or whole numbers of any unit.
        by: Columns that must be equal, in both; none for one series.
        tolerance: How far the other row's time may be away, itself included; whole numbers take one in their unit.
        direction: `backward` takes the last row at or before a time, `forward` the first at or after it, `nearest` the
            nearer of both, and the earlier of two equally near.
        allow_exact: Whether a row of the same time counts.
        suffix: What is appended to those names of `right` that `left` has, too: its time is always there as
            `event_time_right`.
        bucket: Length of time by which the rows of a key are shared out, such as an hour of ticks; None shares by key
            alone, which is quicker where no key has much more than the others.

    Returns:
        All columns of `left`, then those of `right` but `by`: null where there is no such row. Of rows of `right` with
        one time, the last by `sequence` and `kafka_offset`, where it has them, is the newest (`forward`: the first is
        the next); if these are equal, one of them, the same in whatever order the rows come.

    Raises:
        InvalidInputError: A frame is a stream (`mdstream.with_asof_stream` takes two), a column is missing, there twice
            or of another type, or there is no such direction.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import QUOTE, TICK
        >>> from mdstream.testing import frame_of
        >>> ten = datetime(2026, 1, 5, 10, tzinfo=UTC)
        >>> trades = frame_of(spark, TICK, [{"event_time": ten, "price": 10.2}]).select("symbol", "event_time", "price")
        >>> earlier = [{"event_time": ten - timedelta(seconds=s), "bid": 10.0 + s, "ask": 10.2 + s} for s in (1, 2)]
        >>> quotes = frame_of(spark, QUOTE, earlier).select("symbol", "event_time", "bid", "ask")
        >>> met = trades.transform(with_asof, quotes, tolerance=timedelta(seconds=5))
        >>> met.select("price", "bid", F.col("event_time") - F.col("event_time_right")).collect()
        [Row(price=10.2, bid=11.0, (event_time - event_time_right)=datetime.timedelta(seconds=1))]
    """
    keys = [by] if isinstance(by, str) else list(by)
    check_direction(direction)
    for name, frame in (("left", left), ("right", right)):
        refuse_stream(frame, f"{name} rows", "with_asof")
    kind = kind_of_time(left, right, on, keys)
    reach, length = units_of(tolerance, kind, "tolerance"), units_of(bucket, kind, "bucket")
    added = names_of(left, right, keys, suffix)
    lefts, rights = _sides(left, right, on, keys, length, allow_exact=allow_exact)
    places = [name for name in lefts.columns if name.startswith("key_")]
    both = lefts.unionByName(rights, allowMissingColumns=True)
    looks = [
        is_back for is_back in (True, False) if direction != (Direction.FORWARD if is_back else Direction.BACKWARD)
    ]
    for is_back in looks if length is not None else []:
        carried = _carried(lefts, rights, places, is_back=is_back)
        both = both.unionByName(carried, allowMissingColumns=True)
    shared = [*places, *(["bucket"] if length is not None else [])]
    for is_back in looks:
        both = both.withColumn(_found(is_back), _newest(rights.columns, shared, is_back=is_back))
    own = {on: _time_of(F.col("time"), kind), **dict(zip(keys, map(F.col, places), strict=False))}
    other = {on: _time_of(F.col("met").getField("time"), kind)}
    columns = [own.get(name, F.col("own").getField(name)).alias(name) for name in left.columns]
    for name, alias in added.items():
        columns.append(other.get(name, F.col("met").getField("row").getField(name)).alias(alias))
    return both.where("is_left").withColumn("met", _met(looks, reach)).select(*columns)


def _sides(
    left: DataFrame, right: DataFrame, on: str, keys: Sequence[str], length: int | None, *, allow_exact: bool
) -> tuple[DataFrame, DataFrame]:
    """Return the rows of both frames with what they are sorted by, and the rest of each as a struct.

    Keys and time are there once: all rows of both frames are moved and sorted.
    """
    places = []
    for frame in (left, right):
        place = place_of(frame, on, keys)
        if length is not None:
            place.append((place[-1] - F.pmod(place[-1], F.lit(length))).alias("bucket"))
        places.append(place)
    # Of one time, what is on the right comes first if it counts.
    seconds = (F.lit(is_second).alias("is_second") for is_second in (allow_exact, not allow_exact))
    lefts = left.select(*places[0], F.lit(True).alias("is_left"), next(seconds), *_rest(left, on, keys, "own"))
    time = places[1][len(keys) or 1]
    other = F.struct(time, *_rest(right, on, keys, "row")).alias("other")
    ties = (tie.alias(name) for name, tie in ties_of(right).items())
    rights = right.where(has_place(on, keys)).select(
        *places[1], F.lit(False).alias("is_left"), next(seconds), *ties, other
    )
    return lefts, rights


def _rest(frame: DataFrame, on: str, keys: Sequence[str], alias: str) -> list[Column]:
    """Return all columns but keys and time as one struct, if there are any."""
    rest = [named(name) for name in frame.columns if name != on and name not in keys]
    return [F.struct(*rest).alias(alias)] if rest else []


def _time_of(time: Column, kind: DataType) -> Column:
    return F.timestamp_micros(time) if isinstance(kind, TimestampType) else time.cast(kind)


def _found(is_back: bool) -> str:
    return "before" if is_back else "after"


def _ties_of(columns: Sequence[str]) -> list[str]:
    return [name for name in columns if name.startswith("tie_")]


def _newest(columns: Sequence[str], shared: Sequence[str], *, is_back: bool) -> Column:
    """Return the last row of the right so far; for the first one to come, time runs backwards.

    A frame that ends with the row is one pass; one that begins with it, Spark computes anew for each row.
    """
    ties = [F.col(name) if is_back else F.col(name).desc() for name in _ties_of(columns)]
    # What has no time comes before all that it could meet.
    time = F.col("time").asc_nulls_first() if is_back else F.col("time").desc_nulls_first()
    order = Window.partitionBy(*shared).orderBy(time, "is_second", *ties)
    return F.last("other", ignorenulls=True).over(order.rowsBetween(Window.unboundedPreceding, Window.currentRow))


def _carried(lefts: DataFrame, rights: DataFrame, places: Sequence[str], *, is_back: bool) -> DataFrame:
    """Return, for each bucket with rows of the left, the row of the right that is the newest of all buckets before.

    Args:
        lefts: Rows of the left.
        rights: Rows of the right.
        places: Columns of the key.
        is_back: Whether it is to be the newest of those before, or the first of those after.
    """
    ties = _ties_of(rights.columns)
    pick = F.max_by if is_back else F.min_by
    # A struct of few numbers orders them, so that no row is compared as a whole.
    order = F.struct("time", *ties)
    ends = rights.groupBy(*places, "bucket").agg(
        pick(F.struct("time", "is_left", "is_second", *ties, "other"), order).alias("end")
    )
    asked = lefts.select(*places, "bucket").distinct()
    direction = F.col("bucket").asc() if is_back else F.col("bucket").desc()
    earlier = Window.partitionBy(*places).orderBy(direction).rangeBetween(Window.unboundedPreceding, -1)
    return (
        ends.unionByName(asked, allowMissingColumns=True)
        .withColumn("carried", F.last("end", ignorenulls=True).over(earlier))
        .where(F.col("end").isNull() & F.col("carried").isNotNull())
        .select(*places, "bucket", "carried.*")
    )


def _met(looks: Sequence[bool], reach: int | None) -> Column:
    """Return the row of the right that counts, null if none does."""
    time = F.col("time")
    distances = {
        _found(is_back): (time - F.col(_found(is_back)).getField("time")) * (1 if is_back else -1) for is_back in looks
    }
    met = {
        name: F.col(name) if reach is None else F.when(distance <= reach, F.col(name))
        for name, distance in distances.items()
    }
    if len(met) == 1:
        return met.popitem()[1]
    is_before = F.coalesce(distances["before"] <= distances["after"], F.col("after").isNull())
    return F.when(is_before, met["before"]).otherwise(met["after"])
