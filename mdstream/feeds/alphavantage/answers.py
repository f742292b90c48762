"""What Alpha Vantage answers: bars, and with the same HTTP 200 everything that goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import orjson

from mdstream.errors import FeedError, InvalidInputError
from mdstream.feeds.alphavantage.account import KEY_VARIABLE
from mdstream.feeds.alphavantage.failures import LaterError, NotEntitledError, QuotaSpentError
from mdstream.feeds.base import FeedBatch, WireTick
from mdstream.feeds.rejects import Reject
from mdstream.feeds.validation import shown
from mdstream.schemas.conditions import WHOLE_BAR
from mdstream.schemas.limits import Reason
from mdstream.schemas.wire import to_micros

EASTERN = ZoneInfo("America/New_York")
"""The zone of all times, whatever the exchange."""

_BAR_MICROS = 60_000_000
_ZONE_NAMES = ("US/Eastern", "America/New_York")
_SERIES = "Time Series (1min)"
_MINUTE_THROTTLE_SECONDS = 60.0
_BURST_THROTTLE_SECONDS = 1.0


def read_answer(body: bytes, symbol: str) -> FeedBatch:
    """Return the bars of an answer as ticks, one a bar, oldest first, without `ingest_time` and `source`.

    A tick has the bar's close and volume and the last microsecond of its minute, and is marked with `WHOLE_BAR`: it
    is not a trade. A minute in which nothing was traded gives none.

    Args:
        body: Any bytes.
        symbol: What was asked for.

    Raises:
        LaterError: Too many calls in a second or minute.
        QuotaSpentError: Too many calls in a day.
        InvalidInputError: There is no such symbol.
        NotEntitledError: The plan does not include this.
        FeedError: The key is not valid.
    """
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _refused(Reason.NOT_JSON.of(), body)
    if not isinstance(answer, dict):
        return _refused(Reason.NOT_AN_OBJECT.of(), body)
    _judge(answer, symbol)
    # Delayed data have a remark behind the name.
    series = next((value for name, value in answer.items() if name.startswith(_SERIES)), None)
    if series is None:
        return FeedBatch(())
    meta = answer.get("Meta Data")
    zone = meta.get("6. Time Zone") if isinstance(meta, dict) else None
    if zone not in _ZONE_NAMES or not isinstance(series, dict):
        return _refused(f"not bars of alphavantage in time zone {_ZONE_NAMES[0]}: {shown(zone)}", body)
    return _read_series(series, symbol)


def _read_series(series: Mapping[str, object], symbol: str) -> FeedBatch:
    ticks: list[WireTick] = []
    rejects: list[Reject] = []
    for time, bar in series.items():
        try:
            tick = _tick(symbol, time, bar)
        except (KeyError, TypeError, ValueError, OverflowError) as exc:
            reason = f"not a bar of alphavantage: {type(exc).__name__}: {shown(exc)}"
            rejects.append(Reject(reason, orjson.dumps({time: bar})))
            continue
        if tick["size"] != 0:
            ticks.append(tick)
    ticks.sort(key=lambda tick: int(tick["event_time"]))
    return FeedBatch(ticks, rejects)


def _tick(symbol: str, time: str, bar: object) -> WireTick:
    if not isinstance(bar, dict):
        raise TypeError(f"{type(bar).__name__} where an object was expected")
    start = datetime.strptime(time, "%Y-%m-%d %H:%M:%S").replace(tzinfo=EASTERN)
    return {
        "symbol": symbol,
        "price": float(str(bar["4. close"])),
        "size": float(str(bar["5. volume"])),
        "event_time": to_micros(start) + _BAR_MICROS - 1,
        "exchange": None,
        "trade_id": None,
        "sequence": None,
        "conditions": [WHOLE_BAR],
    }


def _judge(answer: Mapping[str, object], symbol: str) -> None:
    """Raise what an answer without bars means, if anything bad; the texts are all there is to go by."""
    if "Error Message" in answer:
        error = str(answer["Error Message"])
        if "apikey" in error.lower():
            raise FeedError(f"alphavantage refuses the API key: {error}; check {KEY_VARIABLE}")
        raise InvalidInputError(f"alphavantage has no bars of {symbol}: {error}")
    if "Note" in answer:
        raise LaterError(str(answer["Note"]), _MINUTE_THROTTLE_SECONDS)
    if "Information" not in answer:
        return
    information = str(answer["Information"])
    words = information.lower()
    # The texts about calls that come too fast praise the premium plans as well: these go first.
    if "sparingly" in words or "per second" in words:
        raise LaterError(information, _BURST_THROTTLE_SECONDS)
    if "premium endpoint" in words or "premium feature" in words:
        raise NotEntitledError(
            f"alphavantage: {information}; check your plan, and feeds.alphavantage.entitlement, which says what it has"
        )
    if "demo" in words and "api key" in words:
        raise FeedError(f"alphavantage refuses the API key: {information}; set your own in {KEY_VARIABLE}")
    if "per day" in words:
        raise QuotaSpentError(information)
    raise LaterError(information, _BURST_THROTTLE_SECONDS)


def _refused(reason: str, body: bytes) -> FeedBatch:
    return FeedBatch((), [Reject(reason, body)])
