"""When a bar is closed in a stream of revisions, and what is then known.

A bar is closed when the next bar of its series has begun. Nothing else tells in time: trades may come up to
`allowed_lateness` (a day) behind the watermark, and a clock knows nothing of a replay. A series in which nothing trades
has nothing new to be forecast from. A forecast is due once, from the first revision of the next bar; a late trade that
revises the closed bar while the next one is still the newest makes it due again, and the later forecast replaces the
earlier one. Revisions of the forming bar, and of bars before the closed one, make none due.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from mdstream.forecasting.features import FEATURES, INPUTS, feature_matrix
from mdstream.forecasting.predictor import ClosedBar
from mdstream.forecasting.samples import as_datetime
from mdstream.indicators.history import Bars

CLOSED_BAR = pa.field(
    "closed_bar",
    pa.binary(),
    nullable=True,
    metadata={"comment": "the bar before this one with its features; null unless a forecast from it is due"},
)

_TYPE = np.dtype([("end", "<M8[us]"), ("close", "<f8"), ("features", "<f8", (len(FEATURES),))])


def closed_bar(bars: Bars, accepted: Bars, known_until: np.datetime64 | None) -> bytes | None:
    """Return the newest closed bar and its features if a forecast from it is due; see the module.

    Args:
        bars: One series with the newest revisions, the forming bar last.
        accepted: The revisions that have just been taken in.
        known_until: Start of the newest bar before that; None without any.
    """
    if len(bars) < 2:
        return None
    closed, forming = bars[-2], bars[-1]
    begun = known_until is None or forming["window_start"] > known_until
    if not begun and closed["window_start"] not in accepted["window_start"]:
        return None
    features = feature_matrix({name: bars[name][:-1] for name in INPUTS})[-1]
    return np.array((closed["window_end"], closed["close"], features), _TYPE).tobytes()


def read_closed_bar(symbol: str, content: bytes) -> ClosedBar:
    """Return what `closed_bar` wrote.

    Args:
        symbol: Whose bar it is.
        content: The bytes.
    """
    found = np.frombuffer(content, _TYPE)[0]
    return ClosedBar(symbol, as_datetime(found["end"]), float(found["close"]), found["features"])
