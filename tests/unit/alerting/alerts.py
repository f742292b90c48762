from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from mdstream.alerting import Alert
from mdstream.schemas.wire import to_micros

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def alert(**changes: object) -> Alert:
    found = Alert("AAPL", "price_spike", "high", "1min", NOON, "up & away", datetime.now(UTC))
    return replace(found, **changes)  # type: ignore[arg-type]


def minute(number: int) -> datetime:
    return NOON + timedelta(minutes=number)


def wire(found: Alert, **changes: object) -> bytes:
    """The record of an anomaly as jobs send it."""
    fields = {
        **vars(found),
        "window_start": to_micros(found.window_start),
        "detected_time": to_micros(found.detected_time),
        "value": 7.5,
        "threshold": 5.0,
        "trade_count": 3,
    }
    return json.dumps(fields | changes).encode()
