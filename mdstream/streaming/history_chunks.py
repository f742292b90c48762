"""Histories as the live engine keeps them: the bars of 32 windows of a series in one entry of the state."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

CHUNK_BARS = 32
"""As many windows have their bars in one entry: `CHUNK` of BarHistory.java."""

BAR_IN_STATE = np.dtype(
    [(name, "<i8") for name in ("window_start", "trade_count", "last_event_time")]
    + [(name, "<f8") for name in ("open", "high", "low", "close", "volume")]
)
"""A bar in an entry, as BarHistory.java reads it; times are epoch microseconds."""

CHUNKS = pa.schema([("symbol", pa.string()), ("seconds", pa.int64()), ("number", pa.int64()), ("bars", pa.binary())])
"""An entry: symbol and length of the window, number of the entry since 1970, and its bars."""

_MICROS = 1_000_000


def chunks_of(symbol: str, seconds: int, bars: NDArray[np.void] | pd.DataFrame) -> Iterator[dict[str, object]]:
    """Lay out the bars of a series.

    Args:
        symbol: The symbol.
        seconds: Length of the window.
        bars: The columns of `BAR_IN_STATE`, ascending; any others are left alone. Times are of the type datetime64[us],
            or epoch microseconds.

    Yields:
        Rows of `CHUNKS`.

    Example:
        >>> [row["number"] for row in chunks_of("AAPL", 60, np.array([(0, 1, 1, 1, 1, 1, 1, 1)], BAR_IN_STATE))]
        [0]
    """
    laid_out = np.empty(len(bars), BAR_IN_STATE)
    for name in BAR_IN_STATE.names or ():
        values = np.asarray(bars[name])
        laid_out[name] = values.view("<i8") if values.dtype.kind == "M" else values
    numbers = laid_out["window_start"] // (CHUNK_BARS * seconds * _MICROS)
    ends = np.append(np.flatnonzero(np.diff(numbers)) + 1, len(laid_out))
    for first, end in zip(np.append(0, ends[:-1]), ends, strict=True):
        content = laid_out[first:end].tobytes()
        yield {"symbol": symbol, "seconds": seconds, "number": int(numbers[first]), "bars": content}
