"""Whether trades were begun by their buyers or their sellers, as they and quotes come."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.streaming.held_rows import NEVER
from mdstream.streaming.json_rows import JSON, check_json
from mdstream.streaming.replay import (
    ORDER,
    ReplayTerms,
    Series,
    as_side,
    micros_of,
    own_ties,
    refuse_stored,
    replay_of,
    ties_first,
)
from mdstream.transforms.asof_terms import has_place, ties_of
from mdstream.transforms.trade_signs import ROUNDING, SignRule, check_sign_rule, mids_of

_TRADES, _QUOTES = 0, 1
"""Which side is which; of one time trades come first: a quote of a trade's own time may be its doing."""


def with_trade_sign_stream(
    trades: DataFrame,
    quotes: DataFrame | None = None,
    rule: SignRule | str = SignRule.LEE_READY,
    *,
    lateness: timedelta,
    wait: timedelta | None = None,
    lag: timedelta = timedelta(0),
    tolerance: timedelta | None = None,
) -> DataFrame:
    """Say of each trade of a stream who began it: 1 the buyer, -1 the seller, or null; see `with_trade_sign`.

    A stateful operator holds trades and quotes until none that is older may come: until both sides have rows, of any
    symbol that shares its state, that are newer by more than `lateness`, or Spark's watermark has passed them. The
    result is then that of `with_trade_sign` on all rows. A trade that comes later than it may, or has no time or
    symbol, is given at once, without a sign.

    Python computes here, row by row; trades travel as JSON text. Below it no other stateful operator can be in the same
    query.

    Args:
        trades: A stream as `with_trade_sign` takes it, without a watermark of its own; all are kept.
        quotes: A stream of quotes; the rule `tick` needs none.
        rule: `tick`, `quote` or `lee_ready`.
        lateness: How much older than the newest row of its side a row may be when it comes.
        wait: How far one side may be behind the other, at least `lateness`: a trade that is older by more than this
            than the newest row leaves with the quote that is known then. None: however far it is.
        lag: By how much quotes are reported earlier than trades; as for `with_trade_sign`, and so is the other.
        tolerance: How old a quote may be, measured from the trade less the lag; any age unless it is given.

    Returns:
        The columns that `with_trade_sign` gives, for a query in append mode.

    Raises:
        InvalidInputError: A frame is no stream, a column is missing or of another type, there is no such rule, it needs
            quotes, or the wait is shorter than the lateness.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from mdstream.schemas import TICK
        >>> from mdstream.schemas.spark import spark_schema
        >>> with TemporaryDirectory() as folder:
        ...     trades = spark.readStream.schema(spark_schema(TICK)).parquet(folder)
        ...     signed = trades.transform(with_trade_sign_stream, rule="tick", lateness=timedelta(seconds=1))
        >>> signed.columns[-2:]
        ['sign', 'signed_size']
    """
    check_sign_rule(rule, trades, quotes)
    refuse_stored(trades, "trades", "with_trade_sign")
    late, longest = micros_of(lateness), None if wait is None else micros_of(wait)
    if longest is not None and longest < late:
        raise InvalidInputError(f"found the lateness {lateness} and the wait {wait}; expected a wait that is longer")
    known = trades.drop("mid", "sign", "signed_size")
    check_json(known, "trades")
    sides = [_trades_as_side(known, lateness)]
    if quotes is not None:
        refuse_stored(quotes, "quotes", "with_trade_sign")
        sides.append(_quotes_as_side(quotes, lateness, lag))
    reach = None if tolerance is None else micros_of(tolerance)
    terms = ReplayTerms(len(sides), late, longest if len(sides) > 1 else None)
    signed = replay_of(sides, SignReplay(str(SignRule(rule)), reach), terms)
    own = F.from_json("own", known.schema, {**JSON, "mode": "FAILFAST"})
    whole = signed.select(own.alias("own"), "mid", "sign").select(
        *(F.col("own").getField(name).alias(name) for name in known.columns),
        *(["mid"] if quotes is not None else []),
        "sign",
    )
    return whole.withColumn("signed_size", F.col("sign") * F.col("size").cast("double"))


def _trades_as_side(trades: DataFrame, lateness: timedelta) -> DataFrame:
    columns = {
        "symbol": F.col("symbol"),
        "time": F.when(has_place("event_time", ["symbol"]), F.unix_micros("event_time")).otherwise(F.lit(NEVER)),
        **own_ties(trades, "price"),
        "value": F.col("price").cast("double"),
        "is_known": F.col("price").isNotNull(),
        "own": F.to_json(F.struct("*"), JSON),
    }
    return as_side(trades, _TRADES, lateness, columns)


def _quotes_as_side(quotes: DataFrame, lateness: timedelta, lag: timedelta) -> DataFrame:
    mids = mids_of(quotes.where(has_place("event_time", ["symbol"])), "value", lag)
    columns = {
        "symbol": F.col("symbol"),
        "time": F.unix_micros("event_time"),
        **ties_first(ties_of(mids)),
        "value": F.col("value"),
        "is_known": F.col("value").isNotNull(),
        "own": F.lit(None).cast("string"),
    }
    return as_side(mids, _QUOTES, lateness, columns)


@dataclass(frozen=True)
class SignReplay:
    """The sign of each trade, by the last quote and the last change of price before it.

    Attributes:
        rule: By which rule.
        reach: How old a quote may be, in microseconds; None: any age.
    """

    rule: str
    reach: int | None
    rows: ClassVar[pa.Schema] = pa.schema(
        [
            *ORDER,
            ("value", pa.float64()),
            ("is_known", pa.bool_()),
            ("own", pa.string()),
        ]
    )
    results: ClassVar[Mapping[str, str]] = {"own": "string", "mid": "double", "sign": "int"}

    def replayed(self, rows: pa.Table, series: Series, reached: int) -> Iterator[Sequence[object]]:  # noqa: ARG002
        """Yield each trade with its sign; see `Replay`."""
        names = ("symbol", "time", "side", "value", "is_known", "own")
        for symbol, time, side, value, is_known, own in zip(*(rows[name].to_pylist() for name in names), strict=True):
            kept = _kept(series, symbol)
            if side == _QUOTES:
                kept["quoted"], kept["mid"] = time, value
                continue
            # What is not a number has become nothing on its way here.
            price = (math.nan if value is None else value) if is_known else None
            if price is not None:
                kept["change"] = _side(price, kept["price"]) or kept["change"]
                kept["price"] = price
            is_near = self.reach is None or time - kept["quoted"] <= self.reach
            mid = kept["mid"] if is_near else None
            yield own, mid, self._sign(price, mid, kept["change"])

    def late(self, rows: pa.Table, series: Series) -> Iterator[Sequence[object]]:
        """Yield trades that came too late without a sign; a quote may still be the newest."""
        names = ("symbol", "time", "side", "value", "own")
        for symbol, time, side, value, own in zip(*(rows[name].to_pylist() for name in names), strict=True):
            if side == _TRADES:
                yield own, None, None
            elif time >= (kept := _kept(series, symbol))["quoted"]:
                kept["quoted"], kept["mid"] = time, value

    def due(self, series: Series) -> None:
        """Nothing comes of itself."""

    def _sign(self, price: float | None, mid: float | None, change: int | None) -> int | None:
        if self.rule != SignRule.TICK and price is not None and mid is not None and abs(price - mid) > ROUNDING * mid:
            side = _side(price, mid)
            if side is not None:
                return side
        return None if self.rule == SignRule.QUOTE else change


def _kept(series: Series, symbol: str) -> dict[str, Any]:
    kept: dict[str, Any] = series.setdefault(symbol, {"price": None, "change": None, "quoted": NEVER, "mid": None})
    return kept


def _side(price: float, other: float | None) -> int | None:
    """Return 1 if a price is above another, -1 if it is below, else None: also for what is not a number."""
    if other is None or not math.isfinite(price - other) or price == other:
        return None
    return 1 if price > other else -1
