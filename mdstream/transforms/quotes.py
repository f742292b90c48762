"""What one quote says: mid, spread, where the next price leans to, and whether it can be right."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, NumericType, StringType, TimestampType

from mdstream.transforms.required_columns import check_columns

QUOTED: Mapping[str, type[DataType]] = {"symbol": StringType, "event_time": TimestampType}
"""What every transform of quotes needs of them, beside `PRICES`."""

PRICES: Mapping[str, type[DataType]] = {"bid": NumericType, "ask": NumericType}

BASIS_POINTS = 10_000
"""In one."""


def with_quote_measures(quotes: DataFrame) -> DataFrame:
    """Add what a quote says by itself; formulas and their sources are in `docs/quotes.md`.

    A price that is null, not finite, zero or less is no quote of its side: vendors write 0 where nobody quotes. A quote
    of one side has no measures. Works in batch and in streams.

    Args:
        quotes: At least bid and ask; with bid_size and ask_size, microprice and imbalance are there too.

    Returns:
        All columns, and mid, spread, spread_bps (of the mid, in basis points), microprice and imbalance (-1 to 1, above
        0 if more is bid for), is_locked (bid and ask are equal) and is_crossed (the bid is higher). A crossed quote has
        its measures too: a spread below 0.

    Raises:
        InvalidInputError: A column is missing or of another type.

    Example:
        >>> from mdstream.schemas import QUOTE
        >>> from mdstream.testing import frame_of
        >>> quotes = frame_of(spark, QUOTE, [{"bid": 9.0, "ask": 11.0, "bid_size": 300.0, "ask_size": 100.0}])
        >>> quotes.transform(with_quote_measures).select("mid", "spread", "microprice", "imbalance").collect()
        [Row(mid=10.0, spread=2.0, microprice=10.5, imbalance=0.5)]
    """
    sizes: dict[str, type[DataType]] = {"bid_size": NumericType, "ask_size": NumericType}
    has_sizes = not sizes.keys().isdisjoint(quotes.columns)
    check_columns(quotes, "quotes", {**PRICES, **(sizes if has_sizes else {})})
    bid, ask = both_prices()
    measures = {"mid": mid(), "spread": ask - bid, "spread_bps": (ask - bid) / mid() * BASIS_POINTS}
    if has_sizes:
        bids, asks = (F.when(usable(name, may_be_zero=True), F.col(name).cast("double")) for name in sizes)
        measures["microprice"] = F.try_divide(bid * asks + ask * bids, bids + asks)
        # Without prices the sizes say nothing.
        measures["imbalance"] = F.when(bid.isNotNull(), F.try_divide(bids - asks, bids + asks))
    return quotes.withColumns({**measures, "is_locked": bid == ask, "is_crossed": is_crossed()})


def usable(name: str, *, may_be_zero: bool = False) -> Column:
    """Return whether a price or size is a number that somebody quotes; never null."""
    value = F.col(name).cast("double")
    # To Spark, what is not a number is above infinity.
    return F.coalesce((value >= 0 if may_be_zero else value > 0) & (value < float("inf")), F.lit(False))


def both_prices() -> tuple[Column, Column]:
    """Return bid and ask as doubles, both null unless both are quoted."""
    is_quoted = usable("bid") & usable("ask")
    bid, ask = (F.when(is_quoted, F.col(name).cast("double")) for name in PRICES)
    return bid, ask


def mid() -> Column:
    """Return half-way between bid and ask; null unless both are quoted."""
    bid, ask = both_prices()
    return (bid + ask) / 2


def is_crossed() -> Column:
    """Return whether the bid is above the ask; null unless both are quoted."""
    bid, ask = both_prices()
    return bid > ask


def fair_mid() -> Column:
    """Return the mid of a quote that can be right; null of one that is crossed or of one side."""
    return F.when(~is_crossed(), mid())
