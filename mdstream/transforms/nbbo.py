"""The best bid and offer of several venues."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType, StringType

from mdstream.errors import InvalidInputError
from mdstream.transforms.asof_terms import order_of
from mdstream.transforms.quotes import PRICES, QUOTED, usable
from mdstream.transforms.required_columns import check_columns, refuse_stream

_SIDES = {"bid": F.array_max, "ask": F.array_min}
_SIZES = ("bid_size", "ask_size")
BEST = ("bid", "ask", *_SIZES, "bid_exchanges", "ask_exchanges")
"""What is best, and who quotes it."""


def to_nbbo(quotes: DataFrame, exchanges: Sequence[str]) -> DataFrame:
    """Find the best bid and ask over the newest quotes of several exchanges, as of each time at which they change.

    A quote holds until the next of its exchange. A side that is null, not finite, zero or less is withdrawn. The sizes
    are summed over all exchanges that have the best price. The result may be locked or crossed where exchanges' clocks
    differ; `with_quote_measures` says so. The quotes of a symbol are sorted by one task, in one pass for all exchanges.

    Args:
        quotes: At least symbol, exchange, event_time, bid, ask, bid_size and ask_size; those of one exchange in the
            order of event_time, sequence and kafka_offset as far as these are there.
        exchanges: All that there may be: a quote of another one fails the query, which says so. Leave out before what
            is not to count.

    Returns:
        symbol, event_time, bid, ask, bid_size, ask_size, bid_exchanges and ask_exchanges, in the order given; one row a
        symbol and time at which any of these changes, with what holds after all quotes of that time.

    Raises:
        InvalidInputError: The quotes are a stream, a column is missing or of another type, or an exchange is given
            twice or none is.

    Example:
        >>> from mdstream.schemas import QUOTE
        >>> from mdstream.testing import frame_of
        >>> rows = [
        ...     {"exchange": "Q", "bid": 10.0, "ask": 10.3, "bid_size": 5.0, "ask_size": 5.0},
        ...     {"exchange": "P", "bid": 10.0, "ask": 10.2, "bid_size": 1.0, "ask_size": 1.0},
        ... ]
        >>> best = frame_of(spark, QUOTE, rows).transform(to_nbbo, ["P", "Q"])
        >>> best.select("bid", "ask", "bid_size", "bid_exchanges", "ask_exchanges").collect()
        [Row(bid=10.0, ask=10.2, bid_size=6.0, bid_exchanges=['P', 'Q'], ask_exchanges=['P'])]
    """
    check_books(quotes, exchanges)
    refuse_stream(quotes, "quotes", "to_nbbo")
    ties, own = order_of(quotes), book_of(exchanges)
    order = Window.partitionBy("symbol").orderBy("event_time", *ties, F.xxhash64("own"))
    so_far = order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    of = F.col("own").getField("exchange")
    books = [F.last(F.when(of == name, F.col("own")), ignorenulls=True).over(so_far) for name in exchanges]
    newest = (
        quotes.where(F.col("event_time").isNotNull())
        .select("symbol", "event_time", *ties, own.alias("own"))
        .withColumns({"books": F.array(*books), "next_time": F.lead("event_time").over(order)})
        .where(F.col("next_time").isNull() | (F.col("next_time") > F.col("event_time")))
    )
    best = newest.withColumns({side: pick(F.col("books").getField(side)) for side, pick in _SIDES.items()})
    whole = best.withColumns({name: column for side in _SIDES for name, column in _at_best(side).items()})
    state = F.struct(*BEST)
    before = F.lag("state").over(Window.partitionBy("symbol").orderBy("event_time"))
    changes = whole.withColumn("state", state).withColumn("before", before)
    return changes.where(~F.col("state").eqNullSafe(F.col("before"))).select("symbol", "event_time", *BEST)


def check_books(quotes: DataFrame, exchanges: Sequence[str]) -> None:
    """See that quotes have what the best of several exchanges is made of."""
    sizes = dict.fromkeys(_SIZES, NumericType)
    check_columns(quotes, "quotes", {**QUOTED, "exchange": StringType, **PRICES, **sizes})
    if not exchanges or len(set(exchanges)) < len(exchanges):
        raise InvalidInputError(f"expected different exchanges, found: {', '.join(exchanges) or 'none'}")


def book_of(exchanges: Sequence[str]) -> Column:
    """Return what a quote says as a struct: its exchange, prices that are null where nobody quotes, and sizes."""
    return F.struct(
        _known(exchanges).alias("exchange"),
        *(F.when(usable(side), F.col(side).cast("double")).alias(side) for side in _SIDES),
        *(F.col(name).cast("double").alias(name) for name in _SIZES),
    )


def _known(exchanges: Sequence[str]) -> Column:
    """Return the exchange of a quote; one that is not among them fails the query."""
    sentence = F.concat(
        F.lit("to_nbbo found a quote of "), F.coalesce(F.col("exchange"), F.lit("no exchange")),
        F.lit(f", which is none of {', '.join(exchanges)}; name it too, or leave its quotes out before"),
    )  # fmt: skip
    return F.when(F.col("exchange").isin(list(exchanges)), F.col("exchange")).otherwise(
        F.raise_error(sentence).cast("string")
    )


def _at_best(side: str) -> dict[str, Column]:
    """Return how much is quoted at the best price, and by whom; null where nobody quotes."""
    at_best = F.filter("books", lambda book: book.getField(side) == F.col(side))
    size = F.aggregate(at_best, F.lit(0.0), lambda sum_, book: sum_ + book.getField(f"{side}_size"))
    is_quoted = F.col(side).isNotNull()
    return {
        f"{side}_size": F.when(is_quoted, size),
        f"{side}_exchanges": F.when(is_quoted, F.transform(at_best, lambda book: book.getField("exchange"))),
    }
