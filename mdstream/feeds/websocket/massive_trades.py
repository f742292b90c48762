"""Massive's trades, which are the same tick whether the WebSocket or the REST API delivers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson

from mdstream.feeds.base import WireTick
from mdstream.feeds.rejects import Reject
from mdstream.feeds.validation import shown
from mdstream.feeds.websocket.frames import condition_codes, micros
from mdstream.feeds.websocket.vendor import Parsed
from mdstream.schemas.conditions import correction_marks

_NANOS_A_MILLI = 1_000_000


def tick_of_event(event: Mapping[str, object]) -> WireTick:
    """Return an event `T` of the WebSocket as a tick, not judged yet.

    Raises:
        TypeError: A field is of a type that no trade has.
        ValueError: A field is a text that no trade has.
        OverflowError: A number is too large.
    """
    # Newer frames have the size with its fraction as a text.
    size = event.get("ds", event.get("s"))
    conditions = condition_codes(event.get("c"))
    if correction := event.get("e"):
        conditions = _marked(conditions, correction)
    return {
        "symbol": event.get("sym"),
        "price": event.get("p"),
        "size": float(size) if isinstance(size, str) else size,
        "event_time": micros(event.get("t")),
        "exchange": _text(event.get("x")),
        "trade_id": _text(event.get("i")),
        "sequence": event.get("q"),
        "conditions": conditions,
    }


def tick_of_record(symbol: str, record: Mapping[str, object]) -> WireTick:
    """Return a record of the REST API as the tick that the WebSocket gives for the same trade, not judged yet.

    So its time is in whole milliseconds: the WebSocket has no more of them, and one trade has one event time. Trades
    of a millisecond are in the order of their sequence.

    Raises:
        TypeError: A field is of a type that no trade has.
        ValueError: A field is a text that no trade has.
        OverflowError: A number is too large.

    Example:
        >>> tick = tick_of_record("AAPL", {"sip_timestamp": 1517562000016036600, "price": 171.55, "correction": 8})
        >>> tick["event_time"], tick["conditions"]
        (1517562000016000, ['correction:8', 'cancel'])
    """
    nanos = record.get("sip_timestamp")
    return tick_of_event(
        {
            "sym": symbol,
            "p": record.get("price"),
            "s": record.get("decimal_size", record.get("size")),
            "t": nanos // _NANOS_A_MILLI if isinstance(nanos, int) else nanos,
            "x": record.get("exchange"),
            "i": record.get("id"),
            "q": record.get("sequence_number"),
            "c": record.get("conditions"),
            "e": record.get("correction"),
        }
    )


def parse_records(symbol: str, records: Iterable[Mapping[str, object]]) -> Parsed:
    """Take records of the REST API apart; any JSON objects are taken."""
    ticks: list[WireTick] = []
    rejects: list[Reject] = []
    for record in records:
        try:
            ticks.append(tick_of_record(symbol, record))
        except (TypeError, ValueError, OverflowError) as exc:
            rejects.append(not_a_trade(record, exc))
    return Parsed(ticks, rejects)


def not_a_trade(record: Mapping[str, object], failure: Exception) -> Reject:
    """Return what nothing can be made of, with the reason."""
    return Reject(f"not a trade of massive: {shown(failure)}", orjson.dumps(record))


def _marked(conditions: object, correction: object) -> object:
    if not isinstance(conditions, list | None):
        return conditions
    return [*(conditions or ()), *correction_marks(correction)]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
