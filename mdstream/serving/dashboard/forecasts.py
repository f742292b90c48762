"""The newest forecast of one symbol for each horizon."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mdstream.serving.dashboard.series import Wire

_MICROS_A_MILLISECOND = 1_000
_MOST_HORIZONS = 64
_SHOWN = ("horizon_minutes", "predicted_price", "lower", "upper", "naive_price", "beats_naive", "relative_mae")


class Forecasts:
    """Forecasts by horizon; a later one takes the place of an earlier one, whatever order they come in.

    Example:
        >>> forecasts = Forecasts()
        >>> fields = dict.fromkeys(("predicted_price", "lower", "upper", "naive_price", "beats_naive", "relative_mae"))
        >>> fields |= {"horizon_minutes": 5, "target_time": 600_000_000, "made_at": 300_000_000}
        >>> forecasts.take(fields, version=1), forecasts.take(fields | {"target_time": 540_000_000}, version=2)
        (True, False)
        >>> [each["target"] for each in forecasts.since(0)], list(forecasts.since(1))
        ([600000], [])
    """

    def __init__(self) -> None:
        self._newest: dict[int, tuple[int, Wire]] = {}

    def take(self, forecast: Wire, version: int) -> bool:
        """Take a forecast unless one is there that is as new; return whether it was taken."""
        known = self._newest.get(forecast["horizon_minutes"])
        if known is not None and _age(forecast) <= _age(known[1]):
            return False
        self._newest[forecast["horizon_minutes"]] = version, forecast
        if len(self._newest) > _MOST_HORIZONS:
            del self._newest[min(self._newest, key=lambda horizon: _age(self._newest[horizon][1]))]
        return True

    def since(self, version: int) -> Iterator[dict[str, Any]]:
        """Yield the forecasts that changed after a version, with times in epoch milliseconds."""
        for changed, forecast in self._newest.values():
            if changed > version:
                target = forecast["target_time"] // _MICROS_A_MILLISECOND
                yield {"target": target, **{name: forecast[name] for name in _SHOWN}}


def _age(forecast: Wire) -> tuple[int, int]:
    return forecast["target_time"], forecast["made_at"]
