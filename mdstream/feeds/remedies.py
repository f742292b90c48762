"""What to do about rows that are refused, by the reason."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mdstream.schemas.limits import Reason

_ONE_A_LINE = "Expected one JSON object a line; an array becomes that by: jq -c '.[]' array.json > lines.jsonl"
_REQUIRED = ("symbol", "price", "size", "event_time")
_OF_EVERY_ROW: Mapping[str, str] = MappingProxyType(
    {
        **{Reason.MISSING.of(name): f"If it has another name: --columns THEIRS={name}" for name in _REQUIRED},
        Reason.MISSING.of(
            "symbol"
        ): "If it has another name: --columns THEIRS=symbol; a file of one symbol: --symbol AAPL",
    }
)
"""Where every row is refused for it, it may be no matter of rows."""

_REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        Reason.NOT_POSITIVE.of("price"): "ticks.nonpositive_prices: true takes prices of zero and below",
        Reason.EVENT_TIME_TOO_EARLY.of(): "Numbers are read as epoch microseconds, unless --unit says s, ms or ns",
        Reason.EVENT_TIME_AHEAD.of(): "Numbers are read as epoch microseconds, unless --unit says s, ms or ns",
        Reason.NOT_JSON.of(): _ONE_A_LINE,
        Reason.NOT_AN_OBJECT.of(): _ONE_A_LINE,
    }
)


def remedy_of(reason: str, *, nothing_is_usable: bool = False) -> str | None:
    """Return what to do about rows that are refused for this reason, by its stable part; None if nothing is known.

    Args:
        reason: The reason.
        nothing_is_usable: Whether no row was taken.

    Example:
        >>> remedy_of("price not positive")
        'ticks.nonpositive_prices: true takes prices of zero and below'
    """
    return _REMEDIES.get(reason) or (_OF_EVERY_ROW.get(reason) if nothing_is_usable else None)
