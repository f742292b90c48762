"""Names of the Redis keys; each holds the wire JSON of the newest record."""

from __future__ import annotations


def latest_price_key(symbol: str) -> str:
    """Return the key of a symbol's newest tick.

    Example:
        >>> latest_price_key("BRK.B")
        'latest_price:BRK.B'
    """
    return f"latest_price:{symbol}"


def bar_key(symbol: str, window: str) -> str:
    """Return the key of the newest bar of a symbol and window.

    Example:
        >>> bar_key("BRK.B", "1min")
        'aggregated:BRK.B:1min'
    """
    return f"aggregated:{symbol}:{window}"
