"""What buyers and sellers took, by windows."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType, StringType, TimestampType

from mdstream.schemas.session_windows import Window
from mdstream.transforms.bar_terms import parts_of, total
from mdstream.transforms.named_windows import bar_keys, with_named_windows
from mdstream.transforms.quotes import usable
from mdstream.transforms.required_columns import check_columns

_VOLUMES = ("buy_volume", "sell_volume", "unsigned_volume")


def to_order_flow(
    trades: DataFrame, windows: Window | str | Sequence[Window | str], *, extended: bool = False
) -> DataFrame:
    """Sum the volume that buyers began, that sellers did, and that nobody can tell, by windows.

    This is the imbalance of trades. That of a book's changes, also called order-flow imbalance (Cont, Kukanov and
    Stoikov, 2014), needs quotes and no signs, and is another number.

    Args:
        trades: At least symbol, event_time, size and sign: 1, -1 or null, from `with_trade_sign` or a venue that says
            so. A size that is no number counts as 0; `filter_usable_trades` drops such trades. A stream needs a
            watermark on event_time, which says how far behind a trade may be and still count.
        windows: Any windows, or their names; see `to_bars`.
        extended: Whether windows of a calendar also have rows of what is outside of its sessions; see `to_bars`.

    Returns:
        symbol, window, window_start, window_end, buy_volume, sell_volume, unsigned_volume, signed_volume (buy less
        sell), imbalance (signed volume over the volume with a sign: -1 to 1), buy_count, sell_count, trade_count and
        last_event_time; one row a symbol and window with trades; in a stream, the newest revisions (update mode) or
        what is complete (append mode). The same trades give the same to the last bit, whatever their order.

    Raises:
        InvalidInputError: A column is missing or of another type, or a window is wrong.

    Example:
        >>> from mdstream.schemas import TICK
        >>> from mdstream.testing import frame_of
        >>> trades = frame_of(spark, TICK, [{"size": 30.0}, {"size": 10.0}])
        >>> signed = trades.withColumn("sign", F.signum(F.col("size") - 20))
        >>> flow = signed.transform(to_order_flow, "1min")
        >>> flow.select("buy_volume", "sell_volume", "imbalance", "trade_count").collect()
        [Row(buy_volume=30.0, sell_volume=10.0, imbalance=0.5, trade_count=2)]
    """
    kinds = {"symbol": StringType, "event_time": TimestampType, "size": NumericType, "sign": NumericType}
    check_columns(trades, "trades", kinds)
    is_buy, is_sell = (F.coalesce(F.col("sign") == side, F.lit(False)) for side in (1, -1))
    size = F.when(usable("size", may_be_zero=True), F.col("size").cast("double")).otherwise(0.0)
    belongs = dict(zip(_VOLUMES, (is_buy, is_sell, ~(is_buy | is_sell)), strict=True))
    parts = {
        name: part
        for volume, does in belongs.items()
        for name, part in parts_of(volume, F.when(does, size).otherwise(0.0)).items()
    }
    kept = trades.select("symbol", "event_time", is_buy.alias("is_buy"), is_sell.alias("is_sell"),
        *(part.alias(name) for name, part in parts.items()))  # fmt: skip
    keys = bar_keys(extended=extended)
    sums = (
        kept.transform(with_named_windows, windows, extended=extended)
        .groupBy(*keys)
        .agg(
            *(F.sum(name).alias(name) for name in parts),
            F.count_if("is_buy").alias("buy_count"),
            F.count_if("is_sell").alias("sell_count"),
            F.count("*").alias("trade_count"),
            F.max("event_time").alias("last_event_time"),
        )
    )
    buy, sell, unsigned = (total(name) for name in _VOLUMES)
    return sums.select(
        *keys[:4],
        buy.alias("buy_volume"),
        sell.alias("sell_volume"),
        unsigned.alias("unsigned_volume"),
        (buy - sell).alias("signed_volume"),
        F.try_divide(buy - sell, buy + sell).alias("imbalance"),
        "buy_count",
        "sell_count",
        "trade_count",
        "last_event_time",
        *keys[4:],
    )
