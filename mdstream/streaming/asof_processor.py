"""The stateful operator of as-of joins of two streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.streaming.stateful_processor import (
    ExpiredTimerInfo,
    StatefulProcessor,
    StatefulProcessorHandle,
    TimerValues,
)

from mdstream.streaming.asof_matching import AsofTerms, settle
from mdstream.streaming.held_rows import NEVER, decoded, encoded, micros_of_watermark, moved_timer

LEFT = pa.schema([("key", pa.string()), ("time", pa.int64()), ("row", pa.string())])
"""A row of the left as it waits: its key and itself as text, its time in epoch microseconds, `NEVER` if it has none."""

MET = "own string, met string"
"""What the operator gives: a row of the left, and the one of the right that it met."""

_STATE = "lefts binary, rights binary, newest bigint, timer bigint"


def right_schema(ties: Iterable[str]) -> pa.Schema:
    """Return what a row of the right is as it is kept: as `LEFT`, with what orders those that share a time."""
    return pa.schema([*LEFT, *(pa.field(name, pa.int64()) for name in ties)])


@dataclass(frozen=True)
class _Held:
    """What a bucket of keys holds.

    Attributes:
        lefts: Rows that wait.
        rights: Rows that may still be met.
        newest: The newest time of either side so far.
        timer: When the bucket is asked next, in epoch milliseconds; `NEVER` if it is not.
    """

    lefts: pa.Table
    rights: pa.Table
    newest: int
    timer: int


@dataclass
class AsofProcessor(StatefulProcessor):
    """Holds the rows of both sides of a bucket of keys, and gives those of the left that are complete.

    Attributes:
        terms: What is looked for, and how long.
        ties: Columns that order rows of the right that share a time, the weightiest first.
    """

    terms: AsofTerms
    ties: tuple[str, ...]

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
        """Take the new rows of one bucket in and yield what is complete; see Spark."""
        held = self._held()
        lefts, rights = self._sides(rows)
        watermark = micros_of_watermark(timerValues.getCurrentWatermarkInMs())
        is_known = pc.not_equal(lefts["time"], NEVER)
        in_time = pc.and_(
            is_known, pc.greater_equal(lefts["time"], max(watermark, self.terms.waited_until(held.newest)))
        )
        newest = max(held.newest, *(int(side["time"].to_numpy().max(initial=NEVER)) for side in (lefts, rights)))
        known = _Held(
            pa.concat_tables([held.lefts, lefts.filter(in_time)]),
            pa.concat_tables([held.rights, rights]),
            newest,
            held.timer,
        )
        yield from _given(_pairs(lefts.filter(pc.invert(in_time)), None), self._settled(known, watermark))

    def handleExpiredTimer(  # noqa: N802
        self,
        key: Any,  # noqa: ANN401, ARG002
        timerValues: TimerValues,  # noqa: N803
        expiredTimerInfo: ExpiredTimerInfo,  # noqa: ARG002, N803
    ) -> Iterator[pd.DataFrame]:
        """Yield what is complete by the time that both sides have reached; see Spark."""
        held = self._held()
        # Spark takes it away itself.
        known = _Held(held.lefts, held.rights, held.newest, NEVER)
        yield from _given(self._settled(known, micros_of_watermark(timerValues.getCurrentWatermarkInMs())))

    def _settled(self, known: _Held, watermark: int) -> pd.DataFrame:
        """Keep what is not complete, and return what is."""
        newest = max(known.newest, watermark)
        settled = settle(known.lefts, known.rights, self.terms, watermark, newest)
        timer = moved_timer(self._handle, known.timer, settled.due)
        lefts = known.lefts.filter(pa.array(~settled.leaves))
        rights = known.rights.filter(pa.array(settled.stays))
        self._state.update((encoded(lefts), encoded(rights), known.newest, timer))
        met = settled.met[settled.leaves]
        rows = known.rights["row"].take(pa.array(met, mask=met < 0))
        return _pairs(known.lefts.filter(pa.array(settled.leaves)), rows)

    def _held(self) -> _Held:
        row = self._state.get()
        schema = right_schema(self.ties)
        if row is None:
            return _Held(LEFT.empty_table(), schema.empty_table(), NEVER, NEVER)
        lefts, rights, newest, timer = row
        return _Held(decoded(lefts), decoded(rights), newest, timer)

    def _sides(self, chunks: Iterable[pd.DataFrame]) -> tuple[pa.Table, pa.Table]:
        """Return the new rows of both sides."""
        schema = right_schema(self.ties)
        sides: tuple[list[pa.Table], list[pa.Table]] = ([LEFT.empty_table()], [schema.empty_table()])
        for chunk in chunks:
            is_left = chunk["is_left"].to_numpy(dtype=bool)
            for is_own, own, parts in ((is_left, LEFT, sides[0]), (~is_left, schema, sides[1])):
                columns = {name: chunk[name].to_numpy()[is_own] for name in own.names}
                parts.append(pa.table(columns, schema=own))
        return pa.concat_tables(sides[0]), pa.concat_tables(sides[1])


def _given(*pairs: pd.DataFrame) -> Iterator[pd.DataFrame]:
    return (each for each in pairs if len(each))


def _pairs(lefts: pa.Table, rows: pa.ChunkedArray | None) -> pd.DataFrame:
    met: Any = np.full(len(lefts), None, object) if rows is None else rows.to_numpy()
    return pd.DataFrame({"own": lefts["row"].to_numpy(), "met": met}, dtype=object)
