"""Names of the Redis keys; each holds the wire JSON of the newest record, of each window or horizon if there are."""

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


def alert_cooldown_key(symbol: str, rule: str) -> str:
    """Return the key that is there while no further alert of a symbol and rule is sent.

    Example:
        >>> alert_cooldown_key("BRK.B", "price_spike")
        'alert_cooldown:BRK.B:price_spike'
    """
    return f"alert_cooldown:{symbol}:{rule}"


def alert_sent_key(symbol: str, rule: str, window: str, window_start_micros: int) -> str:
    """Return the key that is there once an alert of this very anomaly was sent.

    Example:
        >>> alert_sent_key("BRK.B", "price_spike", "1min", 1767364200000000)
        'alert_sent:BRK.B:price_spike:1min:1767364200000000'
    """
    return f"alert_sent:{symbol}:{rule}:{window}:{window_start_micros}"


def indicators_key(symbol: str) -> str:
    """Return the key of the newest indicators of a symbol: a hash with a field a window.

    Example:
        >>> indicators_key("BRK.B")
        'indicators:BRK.B'
    """
    return f"indicators:{symbol}"


def predictions_key(symbol: str) -> str:
    """Return the key of the newest forecasts of a symbol: a hash with a field a horizon, in minutes.

    Example:
        >>> predictions_key("BRK.B")
        'predictions:BRK.B'
    """
    return f"predictions:{symbol}"
