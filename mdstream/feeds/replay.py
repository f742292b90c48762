"""Recorded ticks, replayed at the speed they came or another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mdstream.feeds.base import FeedBatch, WireTick
from mdstream.feeds.files import ROW_NUMBER, FileBatch, FileForm, read_ticks
from mdstream.feeds.pacing import Clock, Pacer, SystemClock
from mdstream.feeds.rejects import Reject
from mdstream.feeds.validation import MAX_FUTURE_SKEW, shown_time
from mdstream.schemas.limits import Reason
from mdstream.schemas.wire import encode

NAME = "replay"


class ReplayFeed:
    """Ticks of a file or a folder, in the file's order.

    Args:
        path: What `mdstream.feeds.files.read_ticks` reads.
        speed: 1 is as it happened, 10 ten times faster, infinite without any wait.
        shift_to_now: Move all event times by the same amount, so that the first tick is now. At more than the
            speed it happened event time would run ahead of the clock, which no feed does: then it is the last
            tick that is now when it is sent.
        max_future_skew: How far event time may be ahead of ingest time.
        clock: Time; tests bring their own.
        form: What the files do not say themselves.
        nonpositive_prices: Whether prices may be zero or less.
    """

    def __init__(
        self,
        path: Path,
        *,
        speed: float = 1.0,
        shift_to_now: bool = False,
        max_future_skew: timedelta = MAX_FUTURE_SKEW,
        clock: Clock | None = None,
        form: FileForm | None = None,
        nonpositive_prices: bool = False,
    ) -> None:
        self._read = partial(
            read_ticks,
            path,
            form=form or FileForm(),
            max_future_skew=max_future_skew,
            nonpositive_prices=nonpositive_prices,
        )
        self._speed = speed
        self._shift_to_now = shift_to_now
        self._skew = max_future_skew
        self._clock = clock or SystemClock()
        self._closed = asyncio.Event()
        self._symbols: tuple[str, ...] = ()
        self._batches: Iterator[FileBatch] = iter(())

    @property
    def name(self) -> str:
        """What `source` says where the file does not."""
        return NAME

    async def connect(self) -> None:
        """Open the file and read its beginning.

        Raises:
            InvalidInputError: It cannot be read as ticks.
        """
        batches = self._read()
        begin = next(batches, None)
        self._batches = batches if begin is None else chain([begin], batches)

    async def subscribe(self, symbols: Sequence[str]) -> None:
        """Deliver only these symbols from now on; all if empty."""
        self._symbols = tuple(symbols)

    async def __aiter__(self) -> AsyncIterator[FeedBatch]:
        """Deliver the ticks as they become due."""
        pacer = Pacer(self._speed, self._clock, self._closed)
        shift: int | None = None if self._shift_to_now else 0
        before = 0.0
        for batch in self._batches:
            ticks = self._wanted(batch.ticks)
            times = ticks.column("event_time").cast(pa.int64()).to_numpy()
            if shift is None and len(times):
                shift = await self._shift(int(times[0]))
            times = times + (shift or 0)
            if batch.rejects or not len(times):
                yield FeedBatch((), batch.rejects, batch.fraction)
            rows = _rows(ticks, times)
            async for start, end in pacer.release(times):
                fraction = before + (batch.fraction - before) * end / len(rows)
                yield self._arrive(rows[start:end], times[start:end], fraction)
            if self._closed.is_set():
                return
            before = batch.fraction

    async def close(self) -> None:
        """End the replay."""
        self._closed.set()

    def _wanted(self, ticks: pa.RecordBatch) -> pa.RecordBatch:
        if not self._symbols:
            return ticks
        return ticks.filter(pc.is_in(ticks.column("symbol"), pa.array(self._symbols)))

    async def _shift(self, first: int) -> int:
        now = self._clock.micros()
        if self._speed <= 1:
            return now - first
        last = await asyncio.to_thread(self._last_event_time)
        return now + int((last - first) / self._speed) - last

    def _last_event_time(self) -> int:
        times = (self._wanted(batch.ticks).column("event_time").cast(pa.int64()) for batch in self._read())
        return max(int(pc.max(column).as_py()) for column in times if len(column))

    def _arrive(self, rows: list[WireTick], times: npt.NDArray[np.int64], fraction: float) -> FeedBatch:
        now = self._clock.micros()
        latest = now + self._skew // timedelta(microseconds=1)
        for row in rows:
            row["ingest_time"] = now
        if not len(times) or int(times.max()) <= latest:
            return FeedBatch(rows, (), fraction)
        early = [row for row in rows if row["event_time"] > latest]
        reason = Reason.EVENT_TIME_AHEAD
        rejects = [Reject(reason.of("event_time", shown_time(row["event_time"])), encode(row)) for row in early]
        return FeedBatch([row for row in rows if row["event_time"] <= latest], rejects, fraction)


def _rows(ticks: pa.RecordBatch, times: npt.NDArray[np.int64]) -> list[WireTick]:
    columns = {name: ticks.column(name) for name in ticks.schema.names if name not in {ROW_NUMBER, "ingest_time"}}
    columns["event_time"] = pa.array(times)
    columns["source"] = pc.fill_null(columns["source"], NAME)
    rows: list[WireTick] = pa.RecordBatch.from_pydict(columns).to_pylist()
    return rows
