"""Rows that wait in Spark's state, and the time that all have reached."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyspark.sql.streaming.stateful_processor import StatefulProcessorHandle

NEVER = int(np.iinfo(np.int64).min)
"""Before all times."""


def micros_of_watermark(milliseconds: int) -> int:
    """Return Spark's watermark in microseconds; it is 0 while there is none, which is `NEVER`."""
    return milliseconds * 1000 if milliseconds > 0 else NEVER


def moved_timer(handle: StatefulProcessorHandle, timer: int, due: int | None) -> int:
    """Let a group be asked again behind an instant, and return when, in epoch milliseconds; `NEVER` if there is none.

    Args:
        handle: Spark's.
        timer: When the group was to be asked so far, `NEVER` if it was not.
        due: The instant, in epoch microseconds.
    """
    new = NEVER if due is None else due // 1000 + 1
    if new != timer:
        if timer != NEVER:
            handle.deleteTimer(timer)
        if new != NEVER:
            handle.registerTimer(new)
    return new


def encoded(rows: pa.Table) -> bytes:
    """Return rows as the state keeps them."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def decoded(kept: bytes) -> pa.Table:
    """Return the rows that the state has kept."""
    return pa.ipc.open_stream(pa.py_buffer(bytes(kept))).read_all()
