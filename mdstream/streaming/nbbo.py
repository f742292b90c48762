"""The best bid and offer of several venues as their quotes come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mdstream.streaming.replay import (
    ORDER,
    ReplayTerms,
    Series,
    as_side,
    micros_of,
    own_ties,
    refuse_stored,
    replay_of,
)
from mdstream.transforms.asof_terms import has_place, order_of
from mdstream.transforms.nbbo import BEST, book_of, check_books

_BOOK = ("bid", "ask", "bid_size", "ask_size")


def to_nbbo_stream(quotes: DataFrame, exchanges: Sequence[str], *, lateness: timedelta) -> DataFrame:
    """Find the best bid and ask over the newest quotes of several exchanges in a stream; see `to_nbbo`.

    A stateful operator holds each quote until none that is older may come: until there is one, of any symbol that
    shares its state, that is newer by more than `lateness`, or Spark's watermark has passed it. The result is that of
    `to_nbbo` on all quotes; one that comes later than it may, or has no symbol or time, is left out. Sizes that are no
    numbers are unknown.

    Python computes here, quote by quote. Below it no other stateful operator can be in the same query.

    Args:
        quotes: A stream as `to_nbbo` takes it, without a watermark of its own.
        exchanges: All that there may be; see `to_nbbo`.
        lateness: How much older than the newest quote before it a quote may be when it comes.

    Returns:
        The columns that `to_nbbo` gives, for a query in append mode.

    Raises:
        InvalidInputError: The quotes are no stream, the lateness is below 0, a column is missing or of another type, or
            an exchange is given twice or none is.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from mdstream.schemas import QUOTE
        >>> from mdstream.schemas.spark import spark_schema
        >>> with TemporaryDirectory() as folder:
        ...     quotes = spark.readStream.schema(spark_schema(QUOTE)).parquet(folder)
        ...     quotes.transform(to_nbbo_stream, ["N", "Q"], lateness=timedelta(seconds=1)).columns[:4]
        ['symbol', 'event_time', 'bid', 'ask']
    """
    check_books(quotes, exchanges)
    refuse_stored(quotes, "quotes", "to_nbbo")
    terms = ReplayTerms(1, micros_of(lateness))
    placed = quotes.where(has_place("event_time", ["symbol"]))
    named = placed.select("symbol", "event_time", *order_of(quotes), book_of(exchanges).alias("book"))
    columns = {
        "symbol": F.col("symbol"),
        "time": F.unix_micros("event_time"),
        **own_ties(named, "book"),
        **{name: F.col("book").getField(name) for name in ("exchange", *_BOOK)},
    }
    best = replay_of([named.transform(as_side, 0, lateness, columns)], NbboReplay(tuple(exchanges)), terms)
    return best.select("symbol", F.timestamp_micros("time").alias("event_time"), *BEST)


@dataclass(frozen=True)
class NbboReplay:
    """The best over the newest quotes of exchanges, after each time at which it changes.

    Attributes:
        exchanges: All that there may be, in the order in which they are named.
    """

    exchanges: tuple[str, ...]
    rows: ClassVar[pa.Schema] = pa.schema(
        [
            *ORDER,
            ("exchange", pa.string()),
            *((name, pa.float64()) for name in _BOOK),
        ]
    )
    results: ClassVar[Mapping[str, str]] = {
        "symbol": "string",
        "time": "bigint",
        **dict.fromkeys(_BOOK, "double"),
        **dict.fromkeys(("bid_exchanges", "ask_exchanges"), "array<string>"),
    }

    def replayed(self, rows: pa.Table, series: Series, reached: int) -> Iterator[Sequence[object]]:  # noqa: ARG002
        """Yield the best of a symbol at each time at which it changes; see `Replay`."""
        quotes = zip(*(rows[name].to_pylist() for name in ("symbol", "time", "exchange", *_BOOK)), strict=True)
        quote = next(quotes, None)
        while quote is not None:
            symbol, time, exchange, *book = quote
            own = series.setdefault(symbol, {"books": {}, "best": None})
            own["books"][exchange] = book
            quote = next(quotes, None)
            if quote is not None and quote[:2] == (symbol, time):
                continue
            best = self._best(own["books"])
            if best != own["best"]:
                own["best"] = best
                yield symbol, time, *best

    def late(self, rows: pa.Table, series: Series) -> Iterable[Sequence[object]]:  # noqa: ARG002
        """Leave out what came too late."""
        return ()

    def due(self, series: Series) -> None:
        """Nothing comes of itself."""

    def _best(self, books: dict[str, list[float | None]]) -> list[object]:
        """Return the best bid and ask, how much is quoted at them, and by whom."""
        found = [self._at_best(books, side, best) for side, best in ((0, max), (1, min))]
        return [value for pair in zip(*found, strict=True) for value in pair]

    def _at_best(self, books: dict[str, list[float | None]], side: int, best: object) -> tuple[object, ...]:
        quoted = {name: books[name] for name in self.exchanges if name in books and books[name][side] is not None}
        if not quoted:
            return None, None, None
        price = best(book[side] for book in quoted.values())  # type: ignore[operator]
        names = [name for name, book in quoted.items() if book[side] == price]
        sizes = [quoted[name][2 + side] for name in names]
        # As in the batch: a size that is not known makes the sum unknown.
        total = None if None in sizes else sum(size for size in sizes if size is not None)
        return price, total, names
