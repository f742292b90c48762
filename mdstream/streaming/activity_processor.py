"""The stateful operator of bars by activity."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.streaming.stateful_processor import (
    ExpiredTimerInfo,
    StatefulProcessor,
    StatefulProcessorHandle,
    TimerValues,
)

from mdstream.streaming.activity_state import ActivityBar, Trade, as_number, grown
from mdstream.streaming.held_rows import NEVER, decoded, encoded, micros_of_watermark, moved_timer

_PARTS = pa.decimal128(25, 10)
TRADES = pa.schema(
    [
        ("symbol", pa.string()),
        *((name, pa.int64()) for name in ("time", "rank", "offset")),
        *((name, pa.float64()) for name in ("price", "size")),
        *((name, pa.int64()) for name in ("ingest", "stretch")),
        *((name, _PARTS) for name in ("amount", "volume", "notional")),
    ]
)
"""Trades as the operator takes them; the first six columns are their order, `NEVER` stands for null."""

BARS = pa.schema(
    [
        ("symbol", pa.string()),
        *((name, pa.int64()) for name in ("bar_number", "first", "last", "ingest", "trade_count")),
        *((name, pa.float64()) for name in ("open", "high", "low", "close", "volume", "vwap")),
        ("is_complete", pa.bool_()),
    ]
)
"""Bars as the operator gives them; times in epoch microseconds."""

_STATE = "trades binary, bars string, newest bigint, timer bigint"
_Bars = dict[str, ActivityBar]


@dataclass(frozen=True)
class _Held:
    """What a bucket of symbols holds.

    Attributes:
        trades: Those that wait for earlier ones.
        bars: The newest bar of each symbol.
        newest: The newest time so far.
        timer: When the bucket is asked next, in epoch milliseconds; `NEVER` if it is not.
    """

    trades: pa.Table
    bars: _Bars
    newest: int
    timer: int


@dataclass
class ActivityProcessor(StatefulProcessor):
    """Holds the trades of a bucket of symbols until no earlier one comes, and gives the bars that they end.

    Attributes:
        threshold: How much a bar has, in ten-billionths.
        lateness: How much older than the newest trade before it a trade may be, in microseconds.
    """

    threshold: int
    lateness: int

    def init(self, handle: StatefulProcessorHandle) -> None:
        """Open the state; see Spark."""
        self._handle = handle
        self._state = handle.getValueState("held", _STATE)

    def handleInputRows(  # type: ignore[override]  # noqa: N802 - Spark's name; rows come as pandas frames
        self,
        key: Any,  # noqa: ANN401, ARG002
        rows: Iterator[pd.DataFrame],
        timerValues: TimerValues,  # noqa: N803
    ) -> Iterator[pd.DataFrame]:
        """Take the new trades of one bucket in and yield the bars that have ended; see Spark."""
        held = self._held()
        news = [pa.table({name: chunk[name] for name in TRADES.names}, schema=TRADES) for chunk in rows]
        trades = pa.concat_tables([held.trades, *news])
        newest = max(held.newest, int(trades["time"].to_numpy().max(initial=NEVER)))
        known = _Held(trades, held.bars, newest, held.timer)
        yield from self._ended(known, micros_of_watermark(timerValues.getCurrentWatermarkInMs()))

    def handleExpiredTimer(  # noqa: N802
        self,
        key: Any,  # noqa: ANN401, ARG002
        timerValues: TimerValues,  # noqa: N803
        expiredTimerInfo: ExpiredTimerInfo,  # noqa: ARG002, N803
    ) -> Iterator[pd.DataFrame]:
        """Yield the bars that have ended by the time that all have reached; see Spark."""
        held = self._held()
        # Spark takes it away itself.
        known = _Held(held.trades, held.bars, held.newest, NEVER)
        yield from self._ended(known, micros_of_watermark(timerValues.getCurrentWatermarkInMs()))

    def _ended(self, known: _Held, watermark: int) -> Iterator[pd.DataFrame]:
        """Put the trades that nothing comes before into bars, and keep the others."""
        reached = max(watermark, known.newest - self.lateness) if known.newest != NEVER else watermark
        is_due = pc.less(known.trades["time"], reached)
        waiting = known.trades.filter(pc.invert(is_due))
        bars, ended = dict(known.bars), list[dict[str, object]]()
        for symbol, trades in _by_symbol(known.trades.filter(is_due), bars):
            for bar, has_ended in grown(trades, bars.get(symbol), self.threshold):
                bars[symbol] = bar
                if has_ended:
                    ended.append(_row(symbol, bar))
        earliest = int(waiting["time"].to_numpy().min()) if len(waiting) else None
        timer = moved_timer(self._handle, known.timer, earliest)
        kept = json.dumps({symbol: astuple(bar) for symbol, bar in bars.items()})
        self._state.update((encoded(waiting), kept, known.newest, timer))
        if ended:
            yield pa.Table.from_pylist(ended, schema=BARS).to_pandas()

    def _held(self) -> _Held:
        row = self._state.get()
        if row is None:
            return _Held(TRADES.empty_table(), {}, NEVER, NEVER)
        trades, bars, newest, timer = row
        known = {symbol: ActivityBar(*fields) for symbol, fields in json.loads(bars).items()}
        return _Held(decoded(trades), known, newest, timer)


def _by_symbol(due: pa.Table, bars: _Bars) -> Iterator[tuple[str, Iterable[Trade]]]:
    """Yield the trades of each symbol in their order; what is older than a trade that was counted is left out."""
    ordered = due.sort_by([(name, "ascending") for name in TRADES.names[:6]])
    columns = [ordered[name].to_pylist() for name in ("time", "ingest", "price", "stretch")]
    columns += [_whole(ordered[name]) for name in ("amount", "volume", "notional")]
    trades = [Trade(*values) for values in zip(*columns, strict=True)]
    for symbol, own in groupby(zip(ordered["symbol"].to_pylist(), trades, strict=True), itemgetter(0)):
        last = bars[symbol].last if symbol in bars else NEVER
        yield symbol, [trade for _, trade in own if trade.time >= last]


def _whole(amounts: pa.ChunkedArray) -> list[int]:
    """Return decimals as whole numbers of their last digit."""
    return [int(amount.scaleb(_PARTS.scale)) for amount in amounts.to_pylist()]


def _row(symbol: str, bar: ActivityBar) -> dict[str, object]:
    same = {name: getattr(bar, name) for name in ("first", "last", "ingest", "open", "high", "low", "close", "vwap")}
    counts = {"bar_number": bar.number, "trade_count": bar.count, "is_complete": bar.is_complete}
    return {"symbol": symbol, **same, **counts, "volume": as_number(bar.volume)}
