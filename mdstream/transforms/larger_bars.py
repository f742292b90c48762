"""Bars of small windows to bars of larger ones."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from mdstream.errors import InvalidInputError
from mdstream.schemas import BAR, BarWindow
from mdstream.schemas.session_windows import Window, parse_window, read_windows
from mdstream.transforms.bar_terms import EXTENDED, EXTREMES, KEPT_SUMS, PARTS, SUMS, bar_columns, parts_of
from mdstream.transforms.bars import check_names
from mdstream.transforms.required_columns import require_columns
from mdstream.transforms.session_columns import names_of, with_windows

_NEEDED = tuple(field.name for field in BAR.schema if not field.nullable)
# More than there are microseconds from 1970 to any bar.
_LONG_AGO = 2**60


def to_larger_bars(
    bars: DataFrame, source: Window | str, windows: Window | str | Sequence[Window | str], *, extended: bool = False
) -> DataFrame:
    """Put bars of one window together to bars of larger ones.

    Open is the first bar's, close the last one's; highs, lows, volumes and numbers of trades are exact whatever the
    bars' order. Of bars made with `to_bars(..., keep_sums=True)` all of a larger bar is what `to_bars` makes of the
    ticks, to the last bit: their column `sums` has which trades were eligible and the sums behind VWAP. Of other bars,
    e.g. a vendor's, VWAP is that of the bars by their volume, right to about 15 digits; volumes are exact where a
    double holds them so; and a bar without eligible trades counts like any other.

    Args:
        bars: Columns of BAR, those that may be null only if they are there; bars of other windows are left out, and
            those without trades, such as `to_complete_bars` adds.
        source: The window of the bars to put together.
        windows: Larger windows, or their names. A bar must lie wholly in one of each, or outside of the sessions.
        extended: Whether windows of a calendar also have bars of what is outside of its sessions; see `to_bars`.

    Returns:
        As `to_bars` does.

    Raises:
        InvalidInputError: The bars are a stream, a column is missing, or a window is not a multiple of the source. A
            bar that lies across the begin of a larger one fails the query, which says so.

    Example:
        >>> from datetime import UTC, datetime
        >>> from mdstream.schemas import TICK
        >>> from mdstream.testing import frame_of
        >>> from mdstream.transforms import to_bars
        >>> times = [datetime(2026, 1, 5, 14, minute, tzinfo=UTC) for minute in (31, 34)]
        >>> ticks = frame_of(spark, TICK, [{"event_time": time, "price": time.minute} for time in times])
        >>> minutes = ticks.transform(to_bars, ["1min"], keep_sums=True)
        >>> larger = minutes.transform(to_larger_bars, "1min", ["5min"])
        >>> larger.select("window", "open", "close", "trade_count").collect()
        [Row(window='5min', open=31.0, close=34.0, trade_count=2)]
    """
    if bars.isStreaming:
        raise InvalidInputError(
            "found a stream of bars, which are revisions and cannot be summed; give to_bars the larger windows too"
        )
    require_columns(bars, "bars", _NEEDED)
    small = parse_window(source) if isinstance(source, str) else source
    large = read_windows(windows)
    check_names(large)
    _check_multiples(small, large)
    more = [EXTENDED] if extended else []
    placed = (
        bars.where((F.col("window") == small.name) & (F.col("trade_count") > 0))
        .transform(_with_terms)
        .transform(with_windows, F.col("start"), large)
    )
    home = F.col("placed")
    belongs = home["start"].isNotNull() if extended else ~home["extended"]
    names = names_of(large, home["number"])
    return (
        placed.where(belongs)
        .withColumns({"name": names, "window_start": _checked_start(), "end": home["end"], EXTENDED: home["extended"]})
        .groupBy("symbol", "name", "window_start", "end", EXTENDED)
        .agg(*_aggregates())
        .transform(bar_columns, F.col("name"), F.col("end"), *more, *([KEPT_SUMS] if KEPT_SUMS in bars.columns else []))
    )


def _check_multiples(small: Window, large: Sequence[Window]) -> None:
    if not isinstance(small, BarWindow):
        return
    wrong = [each.name for each in large if isinstance(each, BarWindow) and each.seconds % small.seconds]
    if wrong:
        raise InvalidInputError(f"{small.name} does not divide {wrong[0]}: no bars of it can be put together of that")


def _with_terms(bars: DataFrame) -> DataFrame:
    """Give bars the columns that trades are aggregated to."""
    named = {
        "last_ingest_time": F.col("last_ingest_time")
        if "last_ingest_time" in bars.columns
        else F.lit(None).cast("timestamp_ltz"),
        "start": F.unix_micros("window_start"),
        "bar_end": F.unix_micros("window_end"),
    }
    if KEPT_SUMS in bars.columns:
        sums = {name: F.col(KEPT_SUMS)[name] for name in ("sets_open_close", *EXTREMES, *PARTS)}
    else:
        vwap = F.col("vwap") if "vwap" in bars.columns else F.lit(None).cast("double")
        size = F.when(vwap.isNotNull(), F.col("volume")).otherwise(0.0)
        of = dict.fromkeys(SUMS, size) | {"volume": F.col("volume")}
        of |= dict.fromkeys(("eligible_notional", "any_notional"), F.coalesce(vwap * size, F.lit(0.0)))
        sums = {"sets_open_close": F.lit(True)}
        sums |= {name: F.col(name.partition("_")[2]) for name in EXTREMES}
        sums |= {part: column for name, value in of.items() for part, column in parts_of(name, value).items()}
    kept = ("symbol", "open", "close", "trade_count", "last_event_time")
    return bars.select(*kept, *(column.alias(name) for name, column in {**named, **sums}.items()))


def _checked_start() -> Column:
    """Return the begin of the larger window; a bar that is not wholly within it fails the query."""
    home = F.col("placed")
    sentence = F.concat(
        F.lit("the bar of "),
        F.col("symbol"),
        F.lit(" from "),
        F.col("start").cast("string"),
        F.lit(" to "),
        F.col("bar_end").cast("string"),
        F.lit(" us since 1970 is not wholly in one of the larger windows; expected windows that end with the bars'"),
    )
    is_within = (F.col("start") >= home["start"]) & (F.col("bar_end") <= home["end"])
    return F.when(is_within, home["start"]).otherwise(F.raise_error(sentence).cast("bigint"))


def _aggregates() -> list[Column]:
    start, eligible = F.col("start"), F.col("sets_open_close")
    return [
        F.min_by("open", F.when(eligible, start).otherwise(start + _LONG_AGO)).alias("open"),
        F.max_by("close", F.when(eligible, start).otherwise(start - _LONG_AGO)).alias("close"),
        F.max("sets_open_close").alias("sets_open_close"),
        *(F.max(name).alias(name) if name.endswith("high") else F.min(name).alias(name) for name in EXTREMES),
        *(F.sum(part).alias(part) for part in PARTS),
        F.sum("trade_count").alias("trade_count"),
        F.max("last_event_time").alias("last_event_time"),
        F.max("last_ingest_time").alias("last_ingest_time"),
    ]
