"""The stateful operator that takes rows of streams in the order of their times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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

from mdstream.streaming.held_rows import NEVER, decoded, encoded, micros_of_watermark, moved_timer
from mdstream.streaming.replay import ORDER, Replay, ReplayTerms, Series

_STATE = "rows binary, series string, newest string, reached bigint, timer bigint"


@dataclass(frozen=True)
class _Held:
    """What a bucket of symbols holds.

    Attributes:
        rows: Those that wait for earlier ones.
        series: What is kept of each symbol.
        newest: The newest time of each side so far.
        reached: The time before which all rows were taken.
        timer: When the bucket is asked next, in epoch milliseconds; `NEVER` if it is not.
    """

    rows: pa.Table
    series: Series
    newest: tuple[int, ...]
    reached: int
    timer: int


@dataclass
class ReplayProcessor(StatefulProcessor):
    """Holds the rows of a bucket of symbols until no earlier one comes, and gives what is made of them.

    Attributes:
        replay: What is made of them.
        terms: How long they wait.
    """

    replay: Replay
    terms: ReplayTerms

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
        """Take the new rows of one bucket in and yield what is made of those that nothing comes before; see Spark."""
        held, schema = self._held(), self.replay.rows
        watermark = micros_of_watermark(timerValues.getCurrentWatermarkInMs())
        chunks = ({name: chunk[name] for name in schema.names} for chunk in rows)
        news = pa.concat_tables([schema.empty_table(), *(pa.table(chunk, schema=schema) for chunk in chunks)])
        is_late = pc.less(news["time"], max(held.reached, watermark, NEVER + 1))
        yield from self._frame(self.replay.late(self._in_order(news.filter(is_late)), held.series))
        newest = tuple(
            max(known, int(news.filter(pc.equal(news["side"], side))["time"].to_numpy().max(initial=NEVER)))
            for side, known in enumerate(held.newest)
        )
        waiting = pa.concat_tables([held.rows, news.filter(pc.invert(is_late))])
        yield from self._made(_Held(waiting, held.series, newest, held.reached, held.timer), watermark)

    def handleExpiredTimer(  # noqa: N802
        self,
        key: Any,  # noqa: ANN401, ARG002
        timerValues: TimerValues,  # noqa: N803
        expiredTimerInfo: ExpiredTimerInfo,  # noqa: ARG002, N803
    ) -> Iterator[pd.DataFrame]:
        """Yield what is made of rows before the time that all sides have reached; see Spark."""
        held = self._held()
        # Spark takes it away itself.
        known = _Held(held.rows, held.series, held.newest, held.reached, NEVER)
        yield from self._made(known, micros_of_watermark(timerValues.getCurrentWatermarkInMs()))

    def _made(self, known: _Held, watermark: int) -> Iterator[pd.DataFrame]:
        """Take the rows that nothing comes before, and keep the others."""
        reached = max(known.reached, self.terms.reached(known.newest, watermark))
        is_due = pc.less(known.rows["time"], reached)
        waiting = known.rows.filter(pc.invert(is_due))
        yield from self._frame(self.replay.replayed(self._in_order(known.rows.filter(is_due)), known.series, reached))
        times = [int(waiting["time"].to_numpy().min())] if len(waiting) else []
        due = min((time for time in (*times, self.replay.due(known.series)) if time is not None), default=None)
        timer = moved_timer(self._handle, known.timer, due)
        self._state.update((encoded(waiting), json.dumps(known.series), json.dumps(known.newest), reached, timer))

    def _in_order(self, rows: pa.Table) -> pa.Table:
        return rows.sort_by([(name, "ascending") for name, _ in ORDER])

    def _frame(self, made: Iterable[Sequence[object]]) -> Iterator[pd.DataFrame]:
        rows = list(made)
        if rows:
            # As objects: else pandas makes doubles of whole numbers beside nulls.
            yield pd.DataFrame(rows, columns=list(self.replay.results), dtype=object)

    def _held(self) -> _Held:
        row = self._state.get()
        if row is None:
            return _Held(self.replay.rows.empty_table(), {}, (NEVER,) * self.terms.sides, NEVER, NEVER)
        rows, series, newest, reached, timer = row
        return _Held(decoded(rows), json.loads(series), tuple(json.loads(newest)), reached, timer)
