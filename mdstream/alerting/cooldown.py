"""One alert for a symbol and rule in a while, also over restarts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeVar

from mdstream.alerting.alert import Alert
from mdstream.alerting.counts import AlertCounts
from mdstream.config import RedisSettings
from mdstream.errors import StoreUnavailableError
from mdstream.stores.redis.claims import Claims

SENT_SECONDS = 86_400
"""How long an anomaly that was sent is remembered: its bar may get revisions for a day."""

_AWAY_SECONDS = 5.0

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Verdict(Enum):
    """Whether an alert may be sent."""

    CLAIMED = auto()
    """It may, and no other of its symbol and rule until `keep` or `release`."""

    REPEAT = auto()
    """This very anomaly was sent, or waits to be."""

    QUIET = auto()
    """Another of its symbol and rule was sent a short while ago, or waits to be."""


class Cooldown:
    """Keeps quiet about a symbol and rule for a time after an alert.

    What was claimed is kept in this process and in Redis, so that a restart repeats nothing. While Redis is away the
    memory of this process serves alone: alerts go on, and only a restart in that time may repeat one. An alert that
    was claimed by a process which ended before it was sent can be claimed again.

    Args:
        seconds: How long.
        settings: Where Redis is; with `enabled` off only this process's memory is used.
        counts: Where failures are counted.
    """

    def __init__(self, seconds: int, settings: RedisSettings, counts: AlertCounts) -> None:
        self._seconds = seconds
        self._counts = counts
        self._lock = threading.Lock()
        # What waits to be sent, by its cooldown key.
        self._waiting: dict[str, str] = {}
        self._memory = _Expiring()
        self._claims = Claims(settings) if settings.enabled else None
        self._where = f"Redis at {settings.host}:{settings.port}"
        self._away_until = 0.0
        self._is_away = False

    def claim(self, alert: Alert) -> Verdict:
        """Ask whether `alert` may be sent; if so, `keep` or `release` has to follow."""
        with self._lock:
            waiting = self._waiting.get(alert.cooldown_key)
            if waiting == alert.sent_key or alert.sent_key in self._memory:
                return Verdict.REPEAT
            if waiting or alert.cooldown_key in self._memory:
                return Verdict.QUIET
            verdict = self._ask(lambda claims: self._claim_in_redis(claims, alert)) or Verdict.CLAIMED
            if verdict is Verdict.CLAIMED:
                self._waiting[alert.cooldown_key] = alert.sent_key
            return verdict

    def keep(self, alert: Alert) -> None:
        """Take note that `alert` was sent: the time of quiet begins."""
        with self._lock:
            self._waiting.pop(alert.cooldown_key, None)
            self._memory.put(alert.cooldown_key, self._seconds)
            self._memory.put(alert.sent_key, SENT_SECONDS)
            self._ask(
                lambda claims: claims.keep(
                    alert.cooldown_key, alert.sent_key, self._seconds, alert.severity, SENT_SECONDS
                )
            )

    def release(self, alert: Alert) -> None:
        """Take note that `alert` was not sent: the next one of its symbol and rule may be."""
        with self._lock:
            self._waiting.pop(alert.cooldown_key, None)
            self._ask(lambda claims: claims.release(alert.cooldown_key))

    def _claim_in_redis(self, claims: Claims, alert: Alert) -> Verdict:
        if claims.has(alert.sent_key):
            return Verdict.REPEAT
        # The key holds what claimed it. If that is this anomaly, a process ended before it was sent.
        return Verdict.CLAIMED if claims.claim(alert.cooldown_key, alert.sent_key, self._seconds) else Verdict.QUIET

    def _ask(self, question: Callable[[Claims], T]) -> T | None:
        """Return Redis' answer; None while it is away, and then it is left alone for a few seconds."""
        if self._claims is None or time.monotonic() < self._away_until:
            return None
        try:
            answer = question(self._claims)
        except StoreUnavailableError as exc:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            self._counts.cooldown_failures += 1
            if not self._is_away:
                logger.warning("%s: %s; until it is back, a restart may repeat alerts", self._where, exc)
            self._is_away = True
            return None
        if self._is_away:
            logger.warning("%s is back", self._where)
        self._is_away = False
        return answer


class _Expiring:
    """Keys that are there for a time."""

    def __init__(self) -> None:
        self._ends: dict[str, float] = {}
        self._room = 10_000

    def __contains__(self, key: str) -> bool:
        return self._ends.get(key, 0.0) > time.monotonic()

    def put(self, key: str, seconds: float) -> None:
        self._ends[key] = time.monotonic() + seconds
        if len(self._ends) > self._room:
            now = time.monotonic()
            self._ends = {name: end for name, end in self._ends.items() if end > now}
            # Twice what is alive, so that clearing up is rare.
            self._room = max(10_000, 2 * len(self._ends))
