"""What of a tick's record makes it a trade that counts, for consumers that read `tick_data` themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mdstream.schemas.conditions import CANCEL
from mdstream.schemas.limits import MAX_NOTIONAL, MAX_PRICE, MAX_SIZE, MIN_EVENT_TIME, Reason
from mdstream.schemas.wire import to_micros

_EARLIEST = to_micros(MIN_EVENT_TIME)
_MICROSECONDS = 1_000_000


def is_cancelled(tick: Mapping[str, Any]) -> bool:
    """Say whether a tick is a trade that was cancelled, or the record of a cancel.

    Example:
        >>> is_cancelled({"conditions": ["@", "cancel"]}), is_cancelled({})
        (True, False)
    """
    return CANCEL in (tick.get("conditions") or ())


def why_refused(tick: Mapping[str, Any], received_micros: int, max_future_skew_seconds: float) -> str | None:
    """Return why a well-formed tick goes to `dead_letter`; None if it is stored and enters bars.

    Args:
        tick: Fields as a `RecordCheck` of TICK returns them.
        received_micros: When the broker got it, in epoch microseconds.
        max_future_skew_seconds: How far its event time may be ahead of its ingest time, and that of the broker's.

    Example:
        >>> why_refused({"price": 1.5, "size": 2.0, "event_time": 9_000_000_000_000_000}, 1_767_364_200_000_000, 300)
        'event_time too far ahead of ingest_time'
    """
    price, size = tick["price"], tick["size"]
    for field, amount, most, too_high in (
        ("price", price, MAX_PRICE, Reason.PRICE_TOO_HIGH),
        ("size", size, MAX_SIZE, Reason.SIZE_TOO_HIGH),
    ):
        if not math.isfinite(amount):
            return Reason.NOT_FINITE.of(field)
        if amount <= 0:
            return Reason.NOT_POSITIVE.of(field)
        if amount > most:
            return too_high.of()
    if price * size > MAX_NOTIONAL:
        return Reason.NOTIONAL_TOO_HIGH.of()
    return why_times_refused(tick, received_micros, max_future_skew_seconds)


def why_times_refused(record: Mapping[str, Any], received_micros: int, max_future_skew_seconds: float) -> str | None:
    """Return why the times of a tick or a quote are refused, as `why_refused` does; None if they are not."""
    skew = max_future_skew_seconds * _MICROSECONDS
    event_time, ingest_time = record["event_time"], record.get("ingest_time")
    arrived = received_micros if ingest_time is None else ingest_time
    if event_time < _EARLIEST:
        return Reason.EVENT_TIME_TOO_EARLY.of()
    if arrived > received_micros + skew:
        return Reason.INGEST_TIME_AHEAD.of()
    return Reason.EVENT_TIME_AHEAD.of() if event_time > arrived + skew else None
