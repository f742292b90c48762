"""The newest anomalies of all symbols."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from mdstream.serving.dashboard.series import Wire, shown_anomaly


class AnomalyFeed:
    """The anomalies that were found last; a later revision of one takes its place.

    Attributes:
        is_loaded: Whether those that are stored were taken.
    """

    CAPACITY: ClassVar[int] = 100

    def __init__(self) -> None:
        self.is_loaded = False
        self._found: dict[tuple[str, str, int, str], tuple[int, Wire]] = {}

    def take(self, anomaly: Wire, version: int) -> bool:
        """Take an anomaly unless it is older than what is there; return whether it was taken."""
        key = (anomaly["symbol"], anomaly["window"], anomaly["window_start"], anomaly["rule"])
        known = self._found[key][1] if key in self._found else None
        if known is not None and (known == anomaly or anomaly["trade_count"] < known["trade_count"]):
            return False
        self._found[key] = (version, anomaly)
        if len(self._found) > self.CAPACITY:
            del self._found[min(self._found, key=lambda each: self._found[each][1]["detected_time"])]
        return True

    def since(self, version: int) -> Iterator[dict[str, Any]]:
        """Yield the anomalies that changed after a version, with times in epoch milliseconds."""
        for changed, anomaly in self._found.values():
            if changed > version:
                yield shown_anomaly(anomaly)
