"""Bars of quotes as they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.schemas.session_windows import Window
from mdstream.streaming.quote_bar_state import FIELDS, Quote, QuoteSeries, as_result
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
from mdstream.transforms.asof_terms import has_place
from mdstream.transforms.bar_terms import EXTENDED
from mdstream.transforms.named_windows import bar_keys, read_named
from mdstream.transforms.quote_bars import as_books
from mdstream.transforms.quotes import PRICES, QUOTED
from mdstream.transforms.required_columns import check_columns
from mdstream.transforms.session_columns import names_of, with_homes

_BOOK = ("mid", "spread", "spread_bps")
_PLACES = ("number", "start", "end", "extended")


def to_quote_bar_stream(
    quotes: DataFrame,
    windows: Window | str | Sequence[Window | str],
    *,
    lateness: timedelta,
    extended: bool = False,
) -> DataFrame:
    """Make bars of the mid of a stream of quotes, with the spread weighted by time; see `to_quote_bars`.

    How long a quote was in force is known once the next has come, so a stateful operator takes quotes in the order of
    their times: each once none that is older may come, which is when there is one, of any symbol that shares its state,
    that is newer by more than `lateness`, or Spark's watermark has passed it. A bar is given once, when its window's
    end has been passed in the same way, and is that of `to_quote_bars` on all quotes. A quote that comes later than it
    may, or has no symbol or time, is left out.

    Python computes here, quote by quote. Below it no other stateful operator can be in the same query.

    Args:
        quotes: A stream as `to_quote_bars` takes it, without a watermark of its own.
        windows: Any windows, or their names; see `to_bars`.
        lateness: How much older than the newest quote before it a quote may be when it comes.
        extended: Whether windows of a calendar also have bars of what is outside of its sessions; see `to_bars`.

    Returns:
        The columns that `to_quote_bars` gives, for a query in append mode.

    Raises:
        InvalidInputError: The quotes are no stream, the lateness is below 0, a column is missing or of another type, or
            a window is wrong.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from mdstream.schemas import QUOTE
        >>> from mdstream.schemas.spark import spark_schema
        >>> with TemporaryDirectory() as folder:
        ...     quotes = spark.readStream.schema(spark_schema(QUOTE)).parquet(folder)
        ...     quotes.transform(to_quote_bar_stream, ["1min"], lateness=timedelta(seconds=1)).columns[4:8]
        ['open', 'high', 'low', 'close']
    """
    check_columns(quotes, "quotes", {**QUOTED, **PRICES})
    refuse_stored(quotes, "quotes", "to_quote_bars")
    named, terms = read_named(windows), ReplayTerms(1, micros_of(lateness))
    books = quotes.where(has_place("event_time", ["symbol"])).transform(as_books)
    columns = {
        "symbol": F.col("symbol"),
        "time": F.col("time"),
        **own_ties(books, "mid", "spread"),
        **{name: F.col(name) for name in _BOOK},
        **{f"window_{name}": _placed(name, extended=extended) for name in _PLACES},
    }
    side = books.transform(with_homes, F.col("time"), named).transform(as_side, 0, lateness, columns)
    bars = replay_of([side], QuoteBarReplay(), terms)
    times = {"window_start": "start", "window_end": "end", "last_event_time": "last"}
    at = {name: F.timestamp_micros(own).alias(name) for name, own in times.items()}
    keys = bar_keys(extended=extended)
    more = [(F.col("extended") != 0).alias(EXTENDED)] if keys[4:] else []
    return bars.select(
        "symbol", names_of(named, F.col("number").cast("int")).alias("window"), at["window_start"], at["window_end"],
        "open", "high", "low", "close", "spread", "spread_bps", "quoted_seconds", "quote_count", at["last_event_time"],
        *more,
    )  # fmt: skip


def _placed(name: str, *, extended: bool) -> Column:
    """Return one field of each window that a quote is in."""
    homes = F.filter("homes", lambda home: home["start"].isNotNull() & (F.lit(extended) | ~home["extended"]))
    return F.transform(homes, lambda home: home[name].cast("bigint"))


@dataclass(frozen=True)
class QuoteBarReplay:
    """The bars of quotes, each once its window has been passed."""

    rows: ClassVar[pa.Schema] = pa.schema(
        [
            *ORDER,
            *((name, pa.float64()) for name in _BOOK),
            *((f"window_{name}", pa.list_(pa.int64())) for name in _PLACES),
        ]
    )
    results: ClassVar[Mapping[str, str]] = {"symbol": "string", **FIELDS}

    def replayed(self, rows: pa.Table, series: Series, reached: int) -> Iterable[Sequence[object]]:
        """Return the bars whose windows have been passed; see `Replay`."""
        columns = [rows[name].to_pylist() for name in ("symbol", "time", *_BOOK)]
        places = [rows[f"window_{name}"].to_pylist() for name in _PLACES]
        ended: list[tuple[object, ...]] = []
        for symbol, time, mid, spread, spread_bps, *windows in zip(*columns, *places, strict=True):
            own = QuoteSeries.of(series.setdefault(symbol, {}))
            own.take(Quote(time, mid, spread, spread_bps), zip(*windows, strict=True))
        for symbol, kept in series.items():
            ended += ((symbol, *as_result(bar)) for bar in QuoteSeries.of(kept).ended(reached))
        return ended

    def late(self, rows: pa.Table, series: Series) -> Iterable[Sequence[object]]:  # noqa: ARG002
        """Leave out what came too late."""
        return ()

    def due(self, series: Series) -> int | None:
        """Return when the next window ends."""
        return min((end for kept in series.values() for end in QuoteSeries.of(kept).ends()), default=None)
